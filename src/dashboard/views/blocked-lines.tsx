// The lines of an endpoint that wait for a retry or for somebody, longest first, with the two ways on.

import { act } from '../act.ts';
import { type Blocked, blockedDocument } from '../documents/endpoint.ts';
import { type EndpointState, retryLineDocument, skipEventDocument } from '../documents/endpoints.ts';
import { mayChange } from '../identity.ts';
import { Ago } from '../parts/ago.tsx';
import { confirmFirst } from '../parts/confirm.tsx';
import { Pager, askedPage } from '../parts/pager.tsx';
import { Part } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';
import type { Standing } from '../standing.ts';
import { useAnswer } from '../use-answer.ts';

type Ordering = Standing['ordering'];
type BlockedLinesProps = { endpointId: string; ordering: Ordering; state: EndpointState };

export function BlockedLines({ endpointId, ordering, state }: BlockedLinesProps) {
  const asked = useAnswer(blockedDocument, { id: endpointId, ...askedPage() }, { everyMs: 3_000 });
  const columns = columnsOf(endpointId, ordering);
  return (
    <Part title="Blocked lines" asked={asked}>
      {({ webhookEndpoint }) => {
        const { nodes = [], pageInfo } = webhookEndpoint?.blocked ?? {};
        return (
          <>
            {nodes.length > 0 && mayChange.value ? (
              <p class="quiet">
                Retry now sends the event at once. Skip gives it up: it is recorded as failed, nothing is sent, and its
                line goes on{state === 'PAUSED' ? ' once the endpoint is resumed' : ''}.
              </p>
            ) : null}
            <Table
              label="Blocked lines"
              columns={columns}
              rows={nodes}
              keyOf={({ event }) => event.id}
              empty="No line is blocked."
            />
            {pageInfo ? <Pager of={pageInfo} /> : null}
          </>
        );
      }}
    </Part>
  );
}

const known = new Map<string, readonly Column<Blocked>[]>();

/** The same object each time, so that rows are not drawn for nothing. */
function columnsOf(endpointId: string, ordering: Ordering): readonly Column<Blocked>[] {
  const key = `${endpointId} ${ordering}`;
  const columns = known.get(key) ?? makeColumns(endpointId, ordering);
  known.set(key, columns);
  return columns;
}

function makeColumns(endpointId: string, ordering: Ordering): readonly Column<Blocked>[] {
  return [
    {
      name: 'event',
      head: 'Event at its head',
      cell: ({ event }) => (
        <>
          <a data-row href={linkTo('events', event.id)}>
            {event.type}
          </a>
          <small>{event.id}</small>
        </>
      ),
    },
    ...(ordering === 'SUBJECT'
      ? [
          {
            name: 'subject',
            head: 'Subject',
            cell: ({ subject }: Blocked) => subject ?? <span class="none">none</span>,
          },
        ]
      : []),
    { name: 'since', head: 'Blocked since', cell: ({ since }) => <Ago at={since} /> },
    { name: 'attempts', head: 'Attempts', isNumber: true, cell: ({ attempts }) => attempts },
    {
      name: 'next',
      head: 'Next attempt',
      cell: ({ nextAttemptAt }) => (nextAttemptAt === null ? 'held, until somebody acts' : <Ago at={nextAttemptAt} />),
    },
    {
      name: 'error',
      head: 'Last error',
      cell: ({ lastError }) => <span class="error">{lastError}</span>,
    },
    { name: 'ways', head: 'Ways on', cell: (line) => <Ways endpointId={endpointId} ordering={ordering} line={line} /> },
  ];
}

function Ways({ endpointId, ordering, line }: { endpointId: string; ordering: Ordering; line: Blocked }) {
  const { event, subject } = line;
  if (!mayChange.value) return <span class="quiet">for admins</span>;
  const retry = () =>
    act(
      retryLineDocument,
      { endpointId, subject: ordering === 'SUBJECT' ? subject : null, eventId: ordering === 'NONE' ? event.id : null },
      `${event.type} is sent to ${endpointId} again now.`,
    );
  const skip = async () => {
    const isSure = await confirmFirst({
      title: 'Skip this event?',
      says: (
        <>
          <p>
            {endpointId} does not get {event.type} {event.id}. It is recorded as failed, nothing is sent, and the line
            goes on with the event after it.
          </p>
          <p>It can be replayed later, then out of its order.</p>
        </>
      ),
      verb: 'Skip',
    });
    if (isSure) await act(skipEventDocument, { endpointId, eventId: event.id }, `${event.type} is given up.`);
  };
  return (
    <div class="controls">
      <button type="button" onClick={() => void retry()}>
        Retry now
      </button>
      <button type="button" onClick={() => void skip()}>
        Skip
      </button>
    </div>
  );
}
