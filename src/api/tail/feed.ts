// What open tails have in common: each batch is read once for all that are up to date, and kept until they have passed it.
//
// The feed reads only when a tail asks for what comes next, so it costs nothing while nobody does. It is bounded: a tail that
// falls behind its oldest batch reads by itself until it has caught up.

import { setTimeout as sleep } from 'node:timers/promises';
import DataLoader from 'dataloader';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import type { BatchPage, BatchReader, RecordedBatch } from './read-batches.ts';
import type { Seen } from './seen.ts';

/** With the loader of its whole rows, which many tails share. */
export type FedBatch = RecordedBatch & { load(id: string): Promise<WebhookDelivery | null> };

export type Feed = {
  /** Where a tail goes on with what the feed holds; null while it must read by itself. What it has seen it passes over. */
  join(seen: Seen): number | null;
  /** The batch at a place; null: none yet; `lost`: no longer. Waits at most a moment. */
  at(place: number): Promise<FedBatch | null | 'lost'>;
  /** What was not seen, for one tail alone. */
  read(seen: Seen): Promise<{ batches: FedBatch[]; isFull: boolean }>;
  /** Nobody listens any more. */
  forget(): void;
};

/** A look at the database for all tails. */
const lookEveryMs = 200;

const mostRows = 2_000;

/** For one tail: what it takes in a second when it is alone. */
const rowsOfOne = 500;

/** Writers that recorded nothing for so long are not looked for. */
const forgottenMs = 36 * 60 * 60_000;

export function createFeed(reader: BatchReader, signal: AbortSignal): Feed {
  let kept: FedBatch[] = [];
  let rows = 0;
  /** The place of the first that is kept. */
  let base = 0;
  /** What came before the first and what came up to the last. Null: the feed is empty, and begins with who comes first. */
  let start: Seen | null = null;
  let end: Seen | null = null;
  let isBehind = false;
  let looking: Promise<void> | null = null;
  let lookedAt = -Infinity;

  async function look(): Promise<void> {
    const wait = isBehind ? 0 : lookedAt + lookEveryMs - performance.now();
    if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => {});
    const from = end;
    if (from === null || signal.aborted) return;
    lookedAt = performance.now();
    const page = await reader.page(from, mostRows);
    if (end !== from) return;
    isBehind = page.isFull;
    for (const batch of fed(page)) {
      kept.push(batch);
      rows += batch.rows.length;
      pass(from, batch);
    }
    while (rows > mostRows && kept.length > 1) {
      const oldest = kept.shift()!;
      rows -= oldest.rows.length;
      base += 1;
      pass(start!, oldest);
    }
  }

  function fed({ batches }: Pick<BatchPage, 'batches'>): FedBatch[] {
    return batches.map((batch) => {
      const loader = new DataLoader<string, WebhookDelivery | null>(async (ids) => {
        const found = await reader.rows(ids);
        return ids.map((id) => found.get(id) ?? null);
      });
      return { ...batch, load: async (id) => await loader.load(id) };
    });
  }

  return {
    join(seen) {
      // The rest of a batch comes before all else.
      if (isBehind || seen.part !== null) return null;
      if (start === null) {
        start = copyOf(seen);
        end = copyOf(seen);
      }
      return has(seen, start) ? base : null;
    },
    async at(place) {
      if (place < base) return 'lost';
      if (place >= base + kept.length) await (looking ??= look().finally(() => (looking = null)));
      return place < base ? 'lost' : (kept[place - base] ?? null);
    },
    async read(seen) {
      const { batches, isFull } = await reader.page(seen, rowsOfOne);
      return { batches: fed({ batches }), isFull };
    },
    forget() {
      kept = [];
      base += 1;
      rows = 0;
      start = end = null;
      isBehind = false;
    },
  };
}

/** The batch was seen whole. */
export function pass(seen: Seen, { writer, batch, at }: Pick<RecordedBatch, 'writer' | 'batch' | 'at'>): void {
  seen.writers.set(writer, { batch, at });
  seen.at = Math.max(seen.at, at);
  if (seen.part?.writer === writer && seen.part.batch === batch) seen.part = null;
}

export function hasSeen(seen: Seen, { writer, batch }: Pick<RecordedBatch, 'writer' | 'batch'>): boolean {
  return (seen.writers.get(writer)?.batch ?? 0) >= batch;
}

function has(seen: Seen, { writers, at }: Seen): boolean {
  return [...writers].every(
    ([writer, last]) => last.at < at - forgottenMs || (seen.writers.get(writer)?.batch ?? 0) >= last.batch,
  );
}

function copyOf({ writers, at }: Seen): Seen {
  return { writers: new Map(writers), at, part: null };
}
