// An admin's orders for blocked lines, asked of any instance: stored for the endpoint's owner, awaited, or withdrawn.

import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { whatBecomesOf } from '../cursors/carry-out-orders.ts';
import { newId } from '../model/new-id.ts';
import { type OrderOutcome, type OrderWish, orderMs } from '../policy/line-orders.ts';
import { Refusal } from '../policy/refusal.ts';
import type { Endpoint } from '../settings/endpoint.ts';

/** Which of an endpoint's lines: one that `ordering` does not have is refused. */
export type LineName = { subject: string | null; eventId: string | null };

export type LineOrders = {
  /**
   * A blocked line's next attempt is due now; attempts of one that was held are counted from 1 again. Refusal NOT_FOUND,
   * CONFLICT where nothing is blocked or the endpoint is paused, BAD_USER_INPUT for a line that it cannot have,
   * UNAVAILABLE when nobody carried it out in time: then it never will be.
   */
  retryLine(id: string, line: LineName): Promise<void>;
  /**
   * Gives up the event at the head of a blocked line; `eventId` is a UUID in lower case. Refusal as of `retryLine`, and
   * CONFLICT for any other event.
   */
  skipEvent(id: string, eventId: string): Promise<void>;
};

export type LineOrderParts = {
  orm: MikroORM;
  /** Runs a transaction, and tells the instances of the endpoints that it touched. */
  change<T>(
    work: (em: EntityManager, endpoints: readonly Endpoint[]) => Promise<{ result: T; touched: readonly string[] }>,
  ): Promise<T>;
  /** Throws Refusal NOT_FOUND, CONFLICT for a disabled endpoint. */
  findEnabled(endpoints: readonly Endpoint[], id: string, argument: string): Endpoint;
};

/** The first looks come quickly: mostly the owner is this process, or hears of it at once. */
const looksMs = { first: 10, most: 100 };
/** Whoever asked is gone. */
const leftOver = "asked_at < clock_timestamp() - interval '1 minute'";

export function createLineOrders({ orm, change, findEnabled }: LineOrderParts): LineOrders {
  async function give(id: string, wish: OrderWish, check: (endpoint: Endpoint) => void): Promise<void> {
    const order = await change(async (em, endpoints) => {
      const endpoint = findEnabled(endpoints, id, 'endpointId');
      check(endpoint);
      if (wish.kind === 'skip') await needEvent(em, wish.eventId);
      const { outcome } = await whatBecomesOf(em, id, wish, endpoint.events);
      // The first attempt of the event may be out, and fail: only the owner knows.
      const mayBeBlocked = wish.kind === 'skip' && outcome === 'not blocked';
      if (outcome !== 'done' && !mayBeBlocked) throw refusalOf(id, wish, outcome);
      return { result: await store(em, id, wish), touched: [id] };
    });
    const outcome = await outcomeOf(order);
    if (outcome === 'withdrawn') {
      const message = `No instance that serves ${id} carried this out within ${orderMs / 1000} s: it was withdrawn, and nothing was changed. A request may be under way for long, or nobody may serve the endpoint.`;
      throw new Refusal('UNAVAILABLE', message);
    }
    if (outcome !== 'done') throw refusalOf(id, wish, outcome);
  }

  async function outcomeOf(order: string): Promise<OrderOutcome | 'withdrawn'> {
    const em = orm.em.fork();
    try {
      const endAt = performance.now() + orderMs;
      for (let waitMs = looksMs.first; performance.now() < endAt; waitMs = Math.min(2 * waitMs, looksMs.most)) {
        await sleep(waitMs);
        const outcome = await take(em, order, 'outcome is not null');
        if (outcome) return outcome;
      }
      // Who carries it out has it locked until it has an outcome.
      const withdrawn = await take(em, order, 'outcome is null');
      return withdrawn === null ? 'withdrawn' : ((await take(em, order, 'true')) ?? 'withdrawn');
    } catch {
      const message =
        'The database went away while this was being carried out: it may or may not have happened. Look before you repeat it.';
      throw new Refusal('UNAVAILABLE', message);
    }
  }

  return {
    retryLine: (id, { subject, eventId }) =>
      give(id, { kind: 'retry' }, () => {
        const given = subject !== null ? 'subject' : eventId !== null ? 'eventId' : null;
        if (given === null) return;
        const message = `${id} has one line, as its ordering is endpoint: leave ${given} out, or null.`;
        throw new Refusal('BAD_USER_INPUT', message, given);
      }),
    skipEvent: (id, eventId) => give(id, { kind: 'skip', eventId }, () => {}),
  };
}

async function store(em: EntityManager, endpointId: string, wish: OrderWish): Promise<string> {
  const id = newId();
  await em.execute(`delete from webhook_orders where ${leftOver}`);
  await em.execute('insert into webhook_orders (id, endpoint_id, kind, event_id) values (?, ?, ?, ?)', [
    id,
    endpointId,
    wish.kind,
    wish.kind === 'skip' ? wish.eventId : null,
  ]);
  return id;
}

/** Deletes the order if `where` holds, and gives its outcome; undefined when it does not. */
async function take(em: EntityManager, order: string, where: string): Promise<OrderOutcome | null | undefined> {
  const [row] = await em.execute<{ outcome: OrderOutcome | null }[]>(
    `delete from webhook_orders where id = ? and ${where} returning outcome`,
    [order],
  );
  return row?.outcome;
}

async function needEvent(em: EntityManager, eventId: string): Promise<void> {
  const rows = await em.execute<unknown[]>('select 1 from webhook_events where id = ?', [eventId]);
  if (rows.length === 0) throw new Refusal('NOT_FOUND', `There is no event ${eventId}.`, 'eventId');
}

function refusalOf(id: string, wish: OrderWish, outcome: Exclude<OrderOutcome, 'done'>): Refusal {
  const event = wish.kind === 'skip' ? `The event ${wish.eventId}` : '';
  const sentences = {
    paused: `${id} is paused: resume it, and its line goes on at once, with attempts from 1.`,
    'not blocked': wish.kind === 'skip' ? `${event} has no failed attempt at ${id}: it is not blocked.` : idle(id),
    'not the head': `${event} does not come next at ${id}: only the event at the head of a blocked line can be skipped.`,
    settled: `${event} is settled for ${id}: it was delivered, or given up.`,
  };
  return new Refusal('CONFLICT', sentences[outcome], wish.kind === 'skip' ? 'eventId' : null);
}

function idle(id: string): string {
  return `Nothing is blocked at ${id}: no event waits for a retry or is held.`;
}
