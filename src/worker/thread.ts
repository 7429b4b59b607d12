// The program of a delivery thread: it signs, sends and records the turns that it is given.

import { workerData } from 'node:worker_threads';
import { openOrm } from '../model/orm.ts';
import { type LogOptions, openLog } from '../telemetry/logger.ts';
import { createConnections } from './connections.ts';
import { openControl } from './control.ts';
import { deliver } from './deliver.ts';
import { createEgressGuard } from './egress.ts';
import { createRecorder } from './recorder.ts';
import { runTurn } from './run-turn.ts';
import { createStatistics } from './statistics.ts';
import type { Turn, TurnReport } from './turn.ts';

/** What a thread is given when it starts. */
export type ThreadData = {
  databaseUrl: string;
  allowedNetworks: readonly string[];
  controlMemory: SharedArrayBuffer;
  log: LogOptions;
  version: string;
};

const { databaseUrl, allowedNetworks, controlMemory, log: logOptions, version } = workerData as ThreadData;

const log = await openLog(logOptions);
const orm = openOrm({ url: databaseUrl, connections: 1, name: 'tidings-thread' });
const control = openControl(controlMemory);
const connections = createConnections({ guard: createEgressGuard({ allowedNetworks }) });
const recorder = createRecorder({ orm, log: log.logger });
const statistics = createStatistics({ orm, log: log.logger });

const parts = {
  control,
  recorder,
  version,
  deliver: (attempt: Parameters<typeof deliver>[1]) => deliver(connections, attempt),
  onRecorded(row: Parameters<Parameters<typeof runTurn>[1]['onRecorded']>[0]) {
    statistics.count(row);
    const { eventId, eventType, endpointId, attemptCount, httpStatus, latencyMs, errorMessage } = row;
    log.logger.info(
      {
        event_id: eventId,
        event_type: eventType,
        endpoint_id: endpointId,
        position: row.position,
        attempt: attemptCount,
        status: row.status,
        http_status: httpStatus,
        latency_ms: latencyMs,
        error_message: errorMessage,
      },
      'attempt',
    );
  },
};

/** Runs one turn. */
export default async function run(turn: Turn): Promise<TurnReport> {
  return await runTurn(turn, parts);
}

/** Ends the thread's parts, once no turn runs any more. */
export async function close(): Promise<void> {
  await recorder[Symbol.asyncDispose]();
  await statistics[Symbol.asyncDispose]();
  await connections[Symbol.asyncDispose]();
  await orm.close(true);
  await log.flush();
}
