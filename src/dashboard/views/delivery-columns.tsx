// The columns of a list of deliveries.

import type { DeliveryRow } from '../documents/deliveries.ts';
import { latency, utcSecond } from '../formats.ts';
import { Mark } from '../parts/mark.tsx';
import type { Column } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';

/** What was answered, or why there was no answer. */
export function answerOf({ httpStatus, errorMessage }: Pick<DeliveryRow, 'httpStatus' | 'errorMessage'>): string {
  return errorMessage ?? (httpStatus === null ? 'no answer' : `HTTP ${httpStatus}`);
}

export const deliveryColumns: readonly Column<DeliveryRow>[] = [
  {
    name: 'at',
    head: 'Time (UTC)',
    cell: ({ id, createdAt }) => (
      <a data-row href={linkTo('deliveries', id)}>
        <time dateTime={createdAt}>{utcSecond(createdAt)}</time>
      </a>
    ),
  },
  { name: 'status', head: 'Status', cell: ({ status }) => <Mark state={status} /> },
  { name: 'endpoint', head: 'Endpoint', cell: ({ endpointId }) => endpointId },
  { name: 'type', head: 'Event type', cell: ({ eventType }) => <span class="long">{eventType}</span> },
  { name: 'attempt', head: 'Attempt', isNumber: true, isExtra: true, cell: ({ attemptCount }) => attemptCount },
  { name: 'answer', head: 'Answer', isExtra: true, cell: (row) => <span class="error">{answerOf(row)}</span> },
  {
    name: 'latency',
    head: 'Latency',
    isNumber: true,
    isExtra: true,
    cell: ({ latencyMs }) => (latencyMs === null ? '–' : latency(latencyMs)),
  },
];
