// Live tails: each gets what is recorded, from whichever instance, once and in order, at the pace at which its client reads.
//
// A tail holds its cursor and the batch it is in, so a client that reads slowly costs no memory. One that takes too long is
// told to connect again, with the cursor of the last delivery that it got.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { DeliveryStatus, WebhookDelivery } from '../../model/webhook-delivery.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { reasonOf } from '../../telemetry/reason.ts';
import { createShares } from '../shares.ts';
import { type FedBatch, createFeed, hasSeen, pass } from './feed.ts';
import { createLoad } from './load.ts';
import { createPace } from './pace.ts';
import { createBatchReader } from './read-batches.ts';
import { type Seen, readCursor, writeCursor } from './seen.ts';

export type TailOptions = {
  endpointId: string | null;
  status: DeliveryStatus | null;
  after: string | null;
  client: string;
  /** Rejects with a Refusal when who asks may no longer. */
  check(): Promise<void>;
};

export type Recorded = { cursor: string; delivery: WebhookDelivery };

/** An end that the client is told of. */
export type Ended = { refusal: Refusal };

export type Tails = {
  /** Throws Refusal BAD_USER_INPUT for a cursor that is none of ours, or too old, and RATE_LIMITED. */
  open(options: TailOptions): Promise<AsyncGenerator<Recorded | Ended, void>>;
};

const limits = { each: 64, all: 256 };

/** Of all tails together, and a fifth while the process is busy. What is recorded faster comes later: deliveries go first. */
const deliveriesPerSecond = 500;

/** The same of all that read by themselves. */
const pagesPerSecond = 40;

const goodForMs = 24 * 60 * 60_000;

/** So long may a client take for what was recorded together. */
const takeWithinMs = 20_000;

/** So long may it be until a client asks for its first. */
const beginWithinMs = 10_000;

/** A session may have ended, or its user have another role. */
const usualCheckEveryMs = 5_000;
const databaseAgainMs = 500;

/** Whole rows read at once, together. */
const rowsAtOnce = { all: 500, most: 100, least: 10 };

export type TailsOptions = {
  reads: MikroORM;
  /** Aborted when the service is about to end. */
  ending: AbortSignal;
  log: Pick<Logger, 'debug'>;
  /** Shorter in tests. */
  checkEveryMs?: number;
};

export function createTails({ reads, ending, log, checkEveryMs = usualCheckEveryMs }: TailsOptions): Tails {
  const reader = createBatchReader(reads);
  const feed = createFeed(reader, ending);
  const isBusy = createLoad();
  const pace = createPace(deliveriesPerSecond, isBusy);
  const pages = createPace(pagesPerSecond, isBusy);
  const shares = createShares(limits);
  let open = 0;

  async function begin(after: string | null): Promise<Seen> {
    if (after === null) return (await reader.place(new Map(), null)).seen;
    const cursor = readCursor(after, await reader.history());
    if (cursor === null) throw new Refusal('BAD_USER_INPUT', 'after is no cursor of this log.', 'after');
    const { seen, idleSince } = cursor;
    const placed = await reader.place(seen.writers, idleSince);
    if (seen.at < placed.nowMs - goodForMs) {
      throw new Refusal(
        'BAD_USER_INPUT',
        'after is older than a day: read webhookDeliveries for what came since.',
        'after',
      );
    }
    return { ...placed.seen, at: seen.at, part: seen.part };
  }

  /** Ends at once when its client has gone, also while nothing comes. */
  async function* follow(
    seen: Seen,
    { endpointId, status, check }: TailOptions,
    isOpen: () => boolean,
  ): AsyncGenerator<Recorded, void> {
    const wants = (row: FedBatch['rows'][number]) =>
      (endpointId === null || row.endpointId === endpointId) && (status === null || row.status === status);
    let checkedAt = performance.now();

    async function checkNowAndThen(): Promise<void> {
      if (ending.aborted) throw new Refusal('UNAVAILABLE', `The service is ending. ${connectAgain}`);
      if (performance.now() - checkedAt < checkEveryMs) return;
      checkedAt = performance.now();
      // Without the database nobody is known, and nothing is sent either.
      await check().catch((error: unknown) => {
        if (!(error instanceof Refusal && error.code === 'UNAVAILABLE')) throw error;
      });
    }

    async function* through(batch: FedBatch): AsyncGenerator<Recorded, void> {
      if (hasSeen(seen, batch)) return;
      const { writer, rows } = batch;
      const { part } = seen;
      const passed = part?.writer === writer && part.batch === batch.batch ? part.id : '';
      const wanted = rows.filter((row) => row.id > passed && wants(row));
      let takenMs = 0;
      for await (const delivery of wholeRows(wanted, batch)) {
        if (!isOpen()) return;
        await checkNowAndThen();
        const turn = pace.turn();
        if (turn !== null) await turn;
        const isLast = delivery.id === rows.at(-1)!.id;
        const upTo: Seen = isLast ? seen : { ...seen, part: { writer, batch: batch.batch, id: delivery.id } };
        if (isLast) pass(seen, batch);
        const yieldedAt = performance.now();
        yield { cursor: writeCursor(upTo, batch.history), delivery };
        takenMs += performance.now() - yieldedAt;
        if (takenMs > takeWithinMs) throw new Refusal('UNAVAILABLE', `You read too slowly. ${connectAgain}`);
      }
      pass(seen, batch);
    }

    while (isOpen()) {
      let place = feed.join(seen);
      if (place === null) {
        await checkNowAndThen();
        const turn = pages.turn();
        if (turn !== null) await turn;
        const { batches, isFull } = await persistently(() => feed.read(seen));
        for (const batch of batches) yield* through(batch);
        if (!isFull) await sleep(databaseAgainMs, undefined, { signal: ending }).catch(() => {});
        continue;
      }
      while (isOpen()) {
        const at = place;
        await checkNowAndThen();
        const batch = await persistently(() => feed.at(at));
        if (batch === 'lost') break;
        if (batch === null) continue;
        yield* through(batch);
        place += 1;
      }
    }
  }

  /** Without those that retention has removed. */
  async function* wholeRows(rows: FedBatch['rows'], batch: FedBatch): AsyncGenerator<WebhookDelivery, void> {
    const { all, most, least } = rowsAtOnce;
    for (let from = 0; from < rows.length;) {
      const some = rows.slice(from, from + Math.max(least, Math.min(most, Math.ceil(all / open))));
      from += some.length;
      const found = await persistently(() => Promise.all(some.map(async ({ id }) => await batch.load(id))));
      for (const row of found) if (row !== null) yield row;
    }
  }

  /** A database that is away comes back. */
  async function persistently<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        log.debug({ reason: reasonOf(error) }, 'a live tail cannot read; trying again');
        await sleep(databaseAgainMs, undefined, { signal: ending }).catch(() => {});
        if (ending.aborted) throw new Refusal('UNAVAILABLE', `The service is ending. ${connectAgain}`);
      }
    }
  }

  return {
    async open(options) {
      const taken = shares.take(options.client, 1);
      if (taken !== 'taken') {
        const whose = taken === 'client' ? 'You have' : 'There are';
        throw new Refusal('RATE_LIMITED', `${whose} as many open tails as there may be: close one first.`);
      }
      open += 1;
      let isOpen = true;
      const close = () => {
        if (!isOpen) return;
        isOpen = false;
        shares.release(options.client, 1);
        open -= 1;
        if (open === 0) feed.forget();
      };
      try {
        const seen = await begin(options.after);
        return closing(
          follow(seen, options, () => isOpen),
          close,
        );
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

const connectAgain = 'Connect again, with the cursor of the last delivery that you got as after.';

/** Its last value says why it ended, if it was not the client who ended it. */
function closing(
  deliveries: AsyncGenerator<Recorded, void>,
  close: () => void,
): AsyncGenerator<Recorded | Ended, void> {
  async function* told(): AsyncGenerator<Recorded | Ended, void> {
    try {
      yield* deliveries;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      yield { refusal: error };
    } finally {
      close();
    }
  }
  const generator = told();
  // A client that has gone by then never asks for the first.
  const forgotten = setTimeout(close, beginWithinMs).unref();
  const next = generator.next.bind(generator);
  generator.next = async () => {
    clearTimeout(forgotten);
    return await next();
  };
  const end = generator.return.bind(generator);
  // A generator hears of its return only when it has something to give, or was never begun.
  generator.return = async (value) => {
    close();
    return await end(value);
  };
  return generator;
}
