// What became of an event at each endpoint, and where it was not for one, why.

import { asked, withQuery } from '../address.ts';
import { type Outcome, outcomesDocument } from '../documents/events.ts';
import { type Subscriber, whyNot } from '../event-patterns.ts';
import { utcSecond } from '../formats.ts';
import { Mark } from '../parts/mark.tsx';
import { Part } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';
import { useAnswer } from '../use-answer.ts';
import { answerOf } from './delivery-columns.tsx';

type Row = Outcome & { why: string | null };

const columns: readonly Column<Row>[] = [
  {
    name: 'endpoint',
    head: 'Endpoint',
    cell: ({ endpointId }) => (
      <a data-row href={linkTo('endpoints', endpointId)}>
        {endpointId}
      </a>
    ),
  },
  { name: 'outcome', head: 'Outcome', cell: ({ outcome }) => <Mark state={outcome} /> },
  { name: 'attempts', head: 'Attempts', isNumber: true, cell: ({ attempts }) => attempts },
  {
    name: 'last',
    head: 'Last attempt, or why there is none',
    cell: ({ lastDelivery, why, outcome }) =>
      lastDelivery === null ? (
        (why ?? (outcome === 'PENDING' ? 'It waits for its turn.' : '–'))
      ) : (
        <>
          <a href={linkTo('deliveries', lastDelivery.id)}>{utcSecond(lastDelivery.createdAt)} UTC</a>{' '}
          <span class="error">{answerOf(lastDelivery)}</span>
        </>
      ),
  },
];

const pageSize = 200;

export function Outcomes({ eventId }: { eventId: string }) {
  const after = asked('outcomes');
  const answer = useAnswer(outcomesDocument, { id: eventId, after: after === '' ? null : after }, { everyMs: 2_000 });
  return (
    <Part title="What became of it" asked={answer}>
      {({ webhookEvent, webhookEndpoints }) => {
        const outcomes = webhookEvent?.outcomes ?? [];
        const endpoints = new Map((webhookEndpoints ?? []).map((endpoint) => [endpoint.id, endpoint]));
        const type = webhookEvent?.type ?? '';
        return (
          <>
            <Table
              label="What became of it at each endpoint"
              columns={columns}
              rows={outcomes.map((outcome) => ({
                ...outcome,
                why: whyOf(outcome, type, endpoints.get(outcome.endpointId)),
              }))}
              keyOf={({ endpointId }) => endpointId}
              empty="No endpoint is configured."
            />
            {outcomes.length === pageSize || after !== '' ? (
              <nav class="pager" aria-label="Pages of endpoints">
                {after === '' ? null : <a href={withQuery({ outcomes: '' })}>First endpoints</a>}
                {outcomes.length === pageSize ? (
                  <a href={withQuery({ outcomes: outcomes.at(-1)!.endpointId })}>More endpoints</a>
                ) : null}
              </nav>
            ) : null}
          </>
        );
      }}
    </Part>
  );
}

function whyOf({ outcome }: Outcome, type: string, endpoint: Subscriber | undefined): string | null {
  return outcome === 'NOT_SUBSCRIBED' ? whyNot({ type }, endpoint) : null;
}
