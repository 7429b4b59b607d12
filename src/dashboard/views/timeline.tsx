// All attempts of one event at one endpoint, the first one first.

import { deliveriesDocument } from '../documents/deliveries.ts';
import { duration, latency, utcSecond } from '../formats.ts';
import { Mark } from '../parts/mark.tsx';
import { Part } from '../parts/part.tsx';
import { linkTo } from '../routing.ts';
import { useAnswer } from '../use-answer.ts';
import { answerOf } from './delivery-columns.tsx';

/** As many as the API gives at once; an endpoint that needs more says so in its configuration. */
const most = 200;

type TimelineProps = { eventId: string; endpointId: string; current: string };

export function Timeline({ eventId, endpointId, current }: TimelineProps) {
  const asked = useAnswer(deliveriesDocument, { filter: { eventId, endpointId }, first: most }, { everyMs: 5_000 });
  return (
    <Part title="All attempts of this event here" asked={asked}>
      {({ webhookDeliveries: { nodes, pageInfo } }) => {
        const rows = nodes.toReversed();
        return (
          <>
            {pageInfo.hasNextPage ? <p class="quiet">The newest {most} of them.</p> : null}
            <ol class="timeline">
              {rows.map((row, index) => (
                <li key={row.id} aria-current={row.id === current ? 'true' : undefined}>
                  <a data-row href={linkTo('deliveries', row.id)}>
                    Attempt {row.attemptCount}
                  </a>
                  <Mark state={row.status} />
                  <span>{answerOf(row)}</span>
                  <span class="quiet">
                    {utcSecond(row.createdAt)} UTC{row.latencyMs === null ? '' : `, took ${latency(row.latencyMs)}`}
                    {index === 0
                      ? ''
                      : `, ${sinceLast(rows[index - 1]!.createdAt, row.createdAt)} after the one before`}
                  </span>
                </li>
              ))}
            </ol>
          </>
        );
      }}
    </Part>
  );
}

function sinceLast(before: string, at: string): string {
  return duration(Date.parse(at) - Date.parse(before));
}
