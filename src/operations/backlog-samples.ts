// Notes each minute how many events wait for each endpoint, so that it can be told later how that was.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import { sampleBacklogs } from '../cursors/backlog-samples.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';

const minuteMs = 60_000;

/** Does it at the beginning of each minute until it is disposed of. */
export function startBacklogSamples({ orm, log }: { orm: MikroORM; log: Pick<Logger, 'warn'> }): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function run(): Promise<void> {
    for (;;) {
      await sleep(minuteMs - (Date.now() % minuteMs), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await sampleBacklogs(orm).catch((error: unknown) =>
        log.warn({ reason: reasonOf(error) }, 'backlogs not noted for this minute'),
      );
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}
