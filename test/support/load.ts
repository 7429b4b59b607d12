// Publishes events through the running service until each is acknowledged, whatever happens to the service.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningService } from './service.ts';

type Asked = Pick<RunningService, 'ask'>;

const publish = `mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }`;

export type Load = {
  /** Ids of the events acknowledged so far. */
  acknowledged: readonly string[];
  /** Resolves when all are acknowledged; rejects as `until` does. */
  done: Promise<void>;
};

/** With `until`, more batches follow, some in a second, until it resolves. */
export type LoadSize = { batches: number; size: number; type?: string; until?: Promise<unknown> };

const betweenFurtherBatchesMs = 50;

/** Publishes `batches` one after another, of `size` events each; `service` gives the one that runs now. */
export function startLoad(
  service: () => Asked,
  { batches, size, type = 'load.tick', until = Promise.resolve() }: LoadSize,
): Load {
  const acknowledged: string[] = [];
  const run = randomUUID();
  let isWanted = true;
  const noMore = until.finally(() => (isWanted = false));
  // It is awaited at the end.
  noMore.catch(() => {});

  async function publishAll(): Promise<void> {
    for (let batch = 0; batch < batches || isWanted; batch += 1) {
      if (batch >= batches) await Promise.race([sleep(betweenFurtherBatchesMs), noMore]);
      const events = Array.from({ length: size }, (_, index) => {
        const data = { number: batch * size + index };
        return { type, data, subject: `subject-${index % 7}`, idempotencyKey: `${run}-${data.number}` };
      });
      acknowledged.push(...(await untilAcknowledged(service, events)));
    }
    await noMore;
  }

  return { acknowledged, done: publishAll() };
}

async function untilAcknowledged(service: () => Asked, events: object[]): Promise<string[]> {
  for (;;) {
    try {
      const answer = await service().ask<{ publishWebhookEvents: { id: string }[] }>(publish, { events });
      return answer.publishWebhookEvents.map(({ id }) => id);
    } catch (error) {
      const { code, name } = error as { code?: string; name: string };
      // Away: refused by the service, or by the machine, which fetch says as a TypeError.
      if (code !== 'UNAVAILABLE' && name !== 'TypeError' && name !== 'SyntaxError') throw error;
      await sleep(20);
    }
  }
}
