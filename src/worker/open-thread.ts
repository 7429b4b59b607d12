// The parts of a delivery thread, put together.

import { parentPort } from 'node:worker_threads';
import type { DatabaseAddress } from '../model/database-address.ts';
import { openOrm } from '../model/orm.ts';
import { type LogOptions, openThreadLogger } from '../telemetry/logger.ts';
import type { TraceOptions } from '../telemetry/open-traces.ts';
import { asItIs } from '../arrange.ts';
import { createEgressGuard } from '../egress/guard.ts';
import { createAttempts } from './attempts.ts';
import { createConnections } from './connections.ts';
import { openControl } from './control.ts';
import { deliver } from './deliver.ts';
import { createRecorder } from './recorder.ts';
import { type TurnParts, runTurn } from './run-turn.ts';
import type { EndedTurn, Turn } from './turn.ts';

/** What a thread is given when it starts. */
export type ThreadData = {
  database: DatabaseAddress;
  allowedNetworks: readonly string[];
  controlMemory: SharedArrayBuffer;
  log: Pick<LogOptions, 'level'>;
  version: string;
  /** Absent or null: there are none. */
  traces?: TraceOptions | null;
};

/** What a thread tells the main thread beside its reports. */
export type ThreadMessage = { logLines: readonly string[] };

/** What a thread says of its rows: how many are not durable yet, for how long none could be written, and since a minute why. */
export type RowsCheck = { rows: number; stuckMs: number; problem: string | null };

export type Thread = {
  run(turn: Turn): Promise<EndedTurn>;
  /** Its answer shows that it works. */
  check(): RowsCheck;
  /** Ends the thread's parts, once no turn runs any more. */
  close(): Promise<void>;
};

export async function openThread(data: ThreadData, arrange = asItIs): Promise<Thread> {
  const log = openThreadLogger(data.log, (logLines) => {
    parentPort?.postMessage({ logLines } satisfies ThreadMessage, []);
  });
  const orm = openOrm({ ...data.database, connections: 1, name: 'tidings-thread', statementMs: 10_000 });
  const connections = createConnections({ guard: createEgressGuard({ allowedNetworks: data.allowedNetworks }) });
  const recorder = createRecorder({ orm, log: log.logger, version: data.version });
  const traces = data.traces ? (await import('../telemetry/open-traces.ts')).openTraces(data.traces, log.logger) : null;
  const attempts = createAttempts({ orm, log: log.logger });

  const parts: TurnParts = arrange('turn', {
    control: openControl(data.controlMemory),
    recorder,
    version: data.version,
    traces,
    deliver: (attempt) => deliver(connections, attempt),
    onRecorded: attempts.recorded,
  });

  return {
    run: (turn) => runTurn(turn, parts),
    check: () => ({ ...recorder.queue(), problem: recorder.problem() }),
    async close() {
      await recorder[Symbol.asyncDispose]();
      await attempts[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
      await orm.close(true);
      await traces?.[Symbol.asyncDispose]();
      await log.flush();
    },
  };
}
