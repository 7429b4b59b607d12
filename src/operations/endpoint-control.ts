// The endpoints in force, and what an admin does to them: reload, pause, resume, rewind and replay.

import { isDeepStrictEqual } from 'node:util';
import { placeEndpoints } from '../dispatch/cursors.ts';
import type { ConfigurationChange } from '../dispatch/deliveries.ts';
import type { PauseReason } from '../model/webhook-cursor.ts';
import type { Transactions } from '../outbox/transactions.ts';
import { Refusal } from '../policy/refusal.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { ConfigProblem } from '../settings/problem.ts';
import type { Webhooks } from '../settings/webhooks.ts';
import { type ReplayWish, queueReplays } from './replay.ts';
import { type RewindTo, findPlace, rewindCursor } from './rewind.ts';

export type Reload = {
  applied: boolean;
  /** Those in force; in a dry run, those that would be. */
  endpoints: readonly Endpoint[];
  added: string[];
  changed: string[];
  removed: string[];
  errors: ConfigProblem[];
};

export type EndpointControl = {
  inForce(): readonly Endpoint[];
  /** Reads the configuration file again; all or nothing. */
  reload(options: { dryRun: boolean }): Promise<Reload>;
  /** Durably stops sending to an endpoint; a pause that is there stays as it is. Refusal NOT_FOUND. */
  pause(id: string): Promise<void>;
  /** Ends a pause; attempts are counted anew. Does nothing for an endpoint that is not paused. Refusal NOT_FOUND. */
  resume(id: string): Promise<void>;
  /**
   * Moves an endpoint's place back; what is on the wire ends and is recorded first. A paused endpoint stays paused.
   * Refusal NOT_FOUND, CONFLICT for a disabled endpoint, BAD_USER_INPUT for a place that is ahead, gone, or none.
   */
  rewind(id: string, to: RewindTo): Promise<void>;
  /**
   * Queues failed deliveries to be sent again beside their endpoints' lines; returns how many. Refusal NOT_FOUND for an
   * id of nothing, CONFLICT for what cannot be sent again, BAD_USER_INPUT for more than 100,000.
   */
  replay(wish: ReplayWish): Promise<number>;
};

export type EndpointControlParts = {
  transactions: Transactions;
  read(): Promise<Webhooks>;
  /** Numbers what is committed, so that it lies before the places of new endpoints. */
  catchUp(): Promise<unknown>;
  deliveries: {
    apply(change: ConfigurationChange): Promise<void>;
    whileStill<T>(id: string, work: () => Promise<T>): Promise<T>;
    dispatcher: {
      pause(id: string, reason: PauseReason): void;
      resume(id: string, resumes: number): void;
      stirSide(id: string): void;
    };
  };
};

/** Puts `initial` in force. */
export async function createEndpointControl(
  { transactions, read, catchUp, deliveries }: EndpointControlParts,
  initial: Extract<Webhooks, { ok: true }>,
): Promise<EndpointControl> {
  let current: readonly Endpoint[] = [];
  let lastChange: Promise<unknown> = Promise.resolve();

  /** One change at a time: a pause must not meet half a reload. */
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = lastChange.then(change);
    lastChange = result.catch(() => {});
    return result;
  }

  async function putInForce({ endpoints, missing }: Extract<Webhooks, { ok: true }>): Promise<void> {
    await catchUp();
    // A missing file retires nobody: places are kept until a file says otherwise.
    if (!missing) await transactions.run((em) => placeEndpoints(em, endpoints));
    const served = new Map(current.filter(({ enabled }) => enabled).map((endpoint) => [endpoint.id, endpoint]));
    const serving = endpoints.filter(({ enabled }) => enabled);
    await deliveries.apply({
      started: serving.filter(({ id }) => !served.has(id)),
      changed: serving.filter((endpoint) => served.has(endpoint.id) && differs(served.get(endpoint.id)!, endpoint)),
      stopped: [...served.keys()].filter((id) => !serving.some((endpoint) => endpoint.id === id)),
    });
    current = endpoints;
  }

  function find(id: string): Endpoint {
    const endpoint = current.find((candidate) => candidate.id === id);
    if (!endpoint) throw new Refusal('NOT_FOUND', `There is no endpoint ${JSON.stringify(id.slice(0, 80))}.`);
    return endpoint;
  }

  function findEnabled(id: string): Endpoint {
    const endpoint = find(id);
    if (!endpoint.enabled) throw new Refusal('CONFLICT', `${id} is disabled: enable it in the file first.`);
    return endpoint;
  }

  await putInForce(initial);

  return {
    inForce: () => current,
    reload: ({ dryRun }) =>
      inTurn(async () => {
        const found = await read();
        if (!found.ok) {
          return { applied: false, endpoints: current, added: [], changed: [], removed: [], errors: found.problems };
        }
        const difference = compare(current, found.endpoints);
        if (!dryRun) await putInForce(found);
        return { applied: !dryRun, endpoints: found.endpoints, ...difference, errors: [] };
      }),
    pause: (id) =>
      inTurn(async () => {
        find(id);
        const reason = await transactions.run(async (em) => {
          const [row] = await em.execute<[{ reason: PauseReason }]>(
            `insert into webhook_cursors as c (endpoint_id, pause_reason) values (?, 'admin')
               on conflict (endpoint_id) do update set pause_reason = coalesce(c.pause_reason, excluded.pause_reason)
               returning pause_reason as reason`,
            [id],
          );
          return row.reason;
        });
        deliveries.dispatcher.pause(id, reason);
      }),
    resume: (id) =>
      inTurn(async () => {
        find(id);
        const resumes = await transactions.run(async (em) => {
          const rows = await em.execute<{ resumes: number }[]>(
            `update webhook_cursors set pause_reason = null, resumes = resumes + 1
              where endpoint_id = ? and pause_reason is not null returning resumes`,
            [id],
          );
          return rows[0]?.resumes;
        });
        if (resumes !== undefined) deliveries.dispatcher.resume(id, resumes);
      }),
    async rewind(id, to) {
      // What is refused anyway does not disturb the line.
      await transactions.run((em) => findPlace(em, findEnabled(id), to));
      // The wait for a slow answer holds up no other change; by its end the endpoint may have been changed or removed.
      await deliveries.whileStill(id, () =>
        inTurn(() =>
          transactions.run(async (em) => {
            const endpoint = findEnabled(id);
            await rewindCursor(em, endpoint, await findPlace(em, endpoint, to));
          }),
        ),
      );
    },
    replay: (wish) =>
      inTurn(async () => {
        if ('endpointId' in wish) findEnabled(wish.endpointId);
        const mayReplay = (id: string) => current.some((endpoint) => endpoint.id === id && endpoint.enabled);
        const { endpoints, queued } = await transactions.run((em) => queueReplays(em, wish, mayReplay));
        for (const id of endpoints) deliveries.dispatcher.stirSide(id);
        return queued;
      }),
  };
}

function compare(before: readonly Endpoint[], after: readonly Endpoint[]) {
  const old = new Map(before.map((endpoint) => [endpoint.id, endpoint]));
  const kept = new Set(after.map(({ id }) => id));
  return {
    added: after.filter(({ id }) => !old.has(id)).map(({ id }) => id),
    changed: after.filter((next) => old.has(next.id) && differs(old.get(next.id)!, next)).map(({ id }) => id),
    removed: before.filter(({ id }) => !kept.has(id)).map(({ id }) => id),
  };
}

function differs(one: Endpoint, other: Endpoint): boolean {
  return !isDeepStrictEqual(one, other);
}
