// A process that logs from its main thread and from two delivery threads at once, and then ends in order or at once.

import { setImmediate as nextRound } from 'node:timers/promises';
import { openLogger } from '../../src/telemetry/logger.ts';
import { openThreadPool } from '../../src/worker/pool.ts';
import { makeTurn } from '../worker/made-up-turn.ts';
import { textOf } from './noisy-text.ts';

// As the command line does: it makes a pipe non-blocking.
void process.stdout.isTTY;
const linesEach = 800;
const [, , how, longest] = process.argv;
const options = { level: 'info', format: 'json' } as const;
const log = await openLogger(options);
const pool = await openThreadPool({
  threads: 2,
  threadFile: new URL('noisy-thread.ts', import.meta.url).href,
  database: { url: 'postgres://127.0.0.1:1/nothing' },
  allowedNetworks: [],
  version: '1.2.3',
  log: { ...log, options },
});

async function logLines(): Promise<void> {
  for (let position = 0; position < linesEach; position += 1) {
    log.logger.info({ endpoint_id: 'main', position, error_message: textOf(position, Number(longest)) }, 'attempt');
    if (position % 20 === 0) await nextRound();
  }
}

const turnOf = (id: string) => {
  const turn = makeTurn(1, { slot: id.charCodeAt(0), endpoint: { id } });
  return { ...turn, events: [{ ...turn.events[0]!, position: linesEach, payload: longest! }] };
};
await Promise.all([logLines(), pool.runTurn(turnOf('a')), pool.runTurn(turnOf('b'))]);
if (how === 'at once') process.exit(7);
await pool[Symbol.asyncDispose]();
await log.flush();
process.exit(0);
