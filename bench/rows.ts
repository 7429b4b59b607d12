// The rows of the table, in its order.

import type { Row } from './row.ts';
import { dashboardRow } from './rows/dashboard.ts';
import { drainRow } from './rows/drain.ts';
import { growthRow } from './rows/growth.ts';
import { idleEndpointsRow } from './rows/idle-endpoints.ts';
import { idleMemoryRow } from './rows/idle-memory.ts';
import { isolationRow } from './rows/isolation.ts';
import { latencyRow } from './rows/latency.ts';
import { memoryRow } from './rows/memory.ts';
import { pagesRow } from './rows/pages.ts';
import { publishingRow } from './rows/publishing.ts';
import { recordingRow } from './rows/recording.ts';
import { startRow } from './rows/start.ts';
import { sustainedRow } from './rows/sustained.ts';
import { tailsRow } from './rows/tails.ts';

export const rows: readonly Row[] = [
  drainRow({
    name: 'drain',
    measure: '100,000 waiting events, 100 endpoints, one delivery each',
    events: 100_000,
    endpoints: 100,
    beside: [
      { name: 'dispatch', rate: 0.4, cost: 3 },
      { name: 'request', rate: 0.5, cost: 2.4 },
    ],
    restarts: true,
  }),
  drainRow({
    name: 'https',
    measure: '10,000 waiting events, 100 endpoints, over HTTPS',
    events: 10_000,
    endpoints: 100,
    receiver: { isSecure: true },
    beside: [{ name: 'request', rate: 0.65, cost: 1.8 }],
  }),
  drainRow({
    name: 'bullmq',
    measure: '10,000 waiting events, 100 endpoints',
    events: 10_000,
    endpoints: 100,
    beside: [{ name: 'bullmq', rate: 4 }],
  }),
  drainRow({
    name: 'pg-boss',
    measure: '10,000 waiting events, 100 endpoints, in order',
    events: 10_000,
    endpoints: 100,
    beside: [{ name: 'pg-boss', rate: 10, mostEvents: 5_000 }],
  }),
  drainRow({
    name: 'fan-out',
    measure: '1,000 events to 50 endpoints each',
    events: 1_000,
    endpoints: 50,
    isFanOut: true,
    beside: [{ name: 'request', rate: 0.5 }],
  }),
  drainRow({
    name: 'one-endpoint',
    measure: '1,500 events to one endpoint that answers after 1 ms',
    events: 1_500,
    endpoints: 1,
    receiver: { answersAfterMs: 1 },
    beside: [{ name: 'request', rate: 0.8 }],
  }),
  latencyRow,
  recordingRow,
  publishingRow,
  idleMemoryRow,
  sustainedRow,
  isolationRow,
  idleEndpointsRow,
  tailsRow,
  dashboardRow,
  startRow,
  memoryRow,
  growthRow,
  pagesRow,
];
