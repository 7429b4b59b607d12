// Ends an operation whose database no longer answers: a stopped server keeps its connections open.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Plugin } from 'graphql-yoga';
import { Refusal } from '../../policy/refusal.ts';

/** After this long the database is asked whether it answers; if it does, a slow query may go on. */
const askAfterMs = 1_000;

/** Together with `askAfterMs` an operation ends within 3 s of the database's loss. */
const answerWithinMs = 1_500;

/** `ask` is any query on a connection of its own. */
export function watchDatabase(ask: () => Promise<unknown>): Plugin {
  return {
    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn(async (options) => {
        const done = new AbortController();
        try {
          return (await Promise.race([executeFn(options), lost(ask, done.signal)])) as unknown;
        } finally {
          done.abort();
        }
      });
    },
  };
}

/** Rejects with Refusal UNAVAILABLE once the database is lost; else settles only after `done`. */
async function lost(ask: () => Promise<unknown>, done: AbortSignal): Promise<void> {
  while (await passes(askAfterMs, done)) {
    const isThere = ask().then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([isThere, passes(answerWithinMs, done).then((passed) => !passed)]))) {
      throw new Refusal('UNAVAILABLE', 'The database does not answer. What was asked may or may not have happened.');
    }
  }
}

/** True when the time passed, false when `done` came first. */
async function passes(ms: number, done: AbortSignal): Promise<boolean> {
  return await sleep(ms, true, { signal: done }).catch(() => false);
}
