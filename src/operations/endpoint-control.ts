// What an admin does to the endpoints in force, from any instance: reload, pause, resume, rewind, replay, cancel, test, retry
// and skip.
//
// Each change is a transaction that ends by raising control versions. By them the owner of an endpoint finds out; this
// file does not know who that is.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { endPause } from '../cursors/end-pause.ts';
import type { WebhookEvent } from '../model/webhook-event.ts';
import { recordFacts } from '../outbox/operational-events.ts';
import { recordTestEvent } from '../outbox/publish.ts';
import { Refusal } from '../policy/refusal.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Webhooks } from '../settings/webhooks.ts';
import {
  type ConfigurationChanges,
  type DroppedBacklog,
  changesBetween,
  droppedBacklogs,
  events,
} from './configuration-changes.ts';
import type { Configurations, ReadFile } from './configurations.ts';
import { type Announce, raiseControlVersions } from './control-versions.ts';
import { type LineOrders, createLineOrders } from './line-orders.ts';
import { type ReplayWish, countReplays, forgetReplays, queueReplays } from './replay.ts';
import type { ReloadProblem } from './refused-reloads.ts';
import { type RewindTo, countRewind, findTarget, rewindCursor } from './rewind.ts';

export type Reload = {
  applied: boolean;
  /** Those in force; in a dry run, those that would be. */
  endpoints: readonly Endpoint[];
  added: string[];
  changed: string[];
  removed: string[];
  /** Of the removed and disabled, those that still had something to get. */
  dropped: DroppedBacklog[];
  errors: ReloadProblem[];
};

export type EndpointControl = LineOrders & {
  /** As this instance knows it: another instance's reload is known here a moment later. */
  inForce(): readonly Endpoint[];
  inForceAs(version: number, id: string): Endpoint | undefined;
  /**
   * Reads the configuration file again; all or nothing. Without `allowDrop` a file that removes or disables an endpoint
   * with a backlog is refused.
   */
  reload(options: { dryRun: boolean; allowDrop: boolean }): Promise<Reload>;
  /** Durably stops sending to an endpoint; an existing pause keeps its reason. Refusal NOT_FOUND. */
  pause(id: string): Promise<void>;
  /** Ends a pause; attempts are counted from 1 again. Does nothing when the endpoint is not paused. Refusal NOT_FOUND. */
  resume(id: string): Promise<void>;
  /**
   * Moves an endpoint's cursor back. A request under way ends and is recorded. A paused endpoint stays paused. Refusal
   * NOT_FOUND, CONFLICT for a disabled endpoint, BAD_USER_INPUT for a position that is ahead, no longer kept, or invalid.
   */
  rewind(id: string, to: RewindTo): Promise<void>;
  /** How many events that would send again now, exact to 10,000 and never more. Throws as `rewind` does. */
  rewindCount(em: EntityManager, id: string, to: RewindTo): Promise<number>;
  /**
   * Queues failed deliveries to be sent again beside their endpoints' lines; returns how many. `dryRun`: it only counts
   * them. Refusal NOT_FOUND for an unknown id, CONFLICT for what cannot be sent again, BAD_USER_INPUT for more than 100,000.
   */
  replay(wish: ReplayWish & Named, options: { dryRun: boolean }): Promise<number>;
  /** Forgets an endpoint's replays that are not over; returns how many. Refusal NOT_FOUND. */
  cancelReplays(id: string): Promise<number>;
  /** Records a webhook.test for an endpoint. Refusal NOT_FOUND, CONFLICT for a disabled or paused endpoint. */
  sendTest(id: string): Promise<WebhookEvent>;
};

export type EndpointControlParts = {
  orm: MikroORM;
  read(): Promise<Webhooks>;
  configurations: Pick<Configurations, 'current' | 'refresh' | 'readAgain' | 'put' | 'refused' | 'whileInForce'>;
  announce: Announce;
};

/** The endpoint that is named, and the argument that names it. */
type Named = { endpoint?: { id: string; argument: string } | null };

type Done<T> = { result: T; touched: readonly string[] };

export function createEndpointControl({ orm, read, configurations, announce }: EndpointControlParts): EndpointControl {
  let lastReload: Promise<unknown> = Promise.resolve();

  async function change<T>(work: (em: EntityManager, endpoints: readonly Endpoint[]) => Promise<Done<T>>): Promise<T> {
    const { result, touched } = await configurations.whileInForce(async (em, endpoints) => {
      const done = await work(em, endpoints);
      await raiseControlVersions(em, done.touched);
      return done;
    });
    if (touched.length > 0) announce(touched);
    return result;
  }

  async function reload({ dryRun, allowDrop }: { dryRun: boolean; allowDrop: boolean }): Promise<Reload> {
    const found = await read();
    if (!found.ok) {
      // The bad file changes nothing, but a secret that this instance lacked may exist by now.
      if (!dryRun && configurations.current().standsAside !== null) await configurations.readAgain();
      if (!dryRun) await configurations.refused(found.problems);
      const { endpoints } = configurations.current();
      return { applied: false, endpoints, added: [], changed: [], removed: [], dropped: [], errors: found.problems };
    }
    // What other instances put in force meanwhile is not a change of this reload.
    await configurations.refresh();
    const difference = changesBetween(configurations.current().endpoints, found.endpoints);
    const { applied, dropped } = dryRun ? await wouldPut(found) : await configurations.put(found, { allowDrop });
    const errors = allowDrop ? [] : dropped.map((drop) => refusedDrop(drop, difference));
    if (!applied && !dryRun) await configurations.refused(errors);
    const endpoints = applied || dryRun ? found.endpoints : configurations.current().endpoints;
    return { applied, endpoints, ...difference, dropped, errors };
  }

  async function wouldPut({ endpoints, missing }: ReadFile): Promise<{ applied: false; dropped: DroppedBacklog[] }> {
    if (missing) return { applied: false, dropped: [] };
    const dropped = await configurations.whileInForce((em, inForce) => droppedBacklogs(em, inForce, endpoints));
    return { applied: false, dropped };
  }

  return {
    ...createLineOrders({ orm, change, findEnabled }),
    inForce: () => configurations.current().endpoints,
    inForceAs(version, id) {
      const current = configurations.current();
      return version === current.version ? current.endpoints.find((endpoint) => endpoint.id === id) : undefined;
    },
    reload(options) {
      const result = lastReload.then(() => reload(options));
      lastReload = result.catch(() => {});
      return result;
    },
    pause: (id) =>
      change(async (em, endpoints) => {
        find(endpoints, id, 'id');
        const paused = await em.execute<unknown[]>(
          `insert into webhook_cursors as c (endpoint_id, pause_reason, paused_at) values (?, 'admin', clock_timestamp())
             on conflict (endpoint_id) do update
               set pause_reason = excluded.pause_reason, paused_at = excluded.paused_at
             where c.pause_reason is null returning 1`,
          [id],
        );
        const facts = paused.map(() => ({ type: 'webhook.endpoint_paused', endpointId: id, reason: 'admin' }) as const);
        await recordFacts(em, facts);
        return { result: undefined, touched: [id] };
      }),
    resume: (id) =>
      change(async (em, endpoints) => {
        find(endpoints, id, 'id');
        return { result: undefined, touched: (await endPause(em, id)) ? [id] : [] };
      }),
    rewind: (id, to) =>
      change(async (em, endpoints) => {
        const endpoint = findEnabled(endpoints, id, 'id');
        await rewindCursor(em, endpoint, await findTarget(em, endpoint, to));
        return { result: undefined, touched: [id] };
      }),
    rewindCount: async (em, id, to) => {
      const { endpoints } = configurations.current();
      return await countRewind(em, findEnabled(endpoints, id, 'id'), to);
    },
    replay: (wish, { dryRun }) =>
      change(async (em, endpoints) => {
        const named = wish.endpoint ? [findEnabled(endpoints, wish.endpoint.id, wish.endpoint.argument)] : endpoints;
        const enabled = new Set(named.filter((endpoint) => endpoint.enabled).map(({ id }) => id));
        if (dryRun) return { result: await countReplays(em, wish, enabled), touched: [] };
        const { endpoints: touched, queued } = await queueReplays(em, wish, enabled);
        return { result: queued, touched };
      }),
    cancelReplays: (id) =>
      change(async (em, endpoints) => {
        find(endpoints, id, 'endpointId');
        const forgotten = await forgetReplays(em, id);
        return { result: forgotten, touched: forgotten > 0 ? [id] : [] };
      }),
    sendTest: (id) =>
      change(async (em, endpoints) => {
        findEnabled(endpoints, id, 'endpointId');
        const [paused] = await em.execute<unknown[]>(
          'select 1 from webhook_cursors where endpoint_id = ? and pause_reason is not null',
          [id],
        );
        if (paused) throw new Refusal('CONFLICT', `${id} is paused: resume it first.`);
        return { result: await recordTestEvent(em, id), touched: [id] };
      }),
  };
}

function refusedDrop({ endpointId, backlog }: DroppedBacklog, { removed }: ConfigurationChanges): ReloadProblem {
  const how = removed.includes(endpointId) ? 'is not in the file any more' : 'is disabled';
  const message =
    `The endpoint "${endpointId}" ${how}, with ${events(backlog)} still to be sent. A reload with allowDrop: true drops ` +
    'what is to be sent; to keep its place, pause it instead.';
  return { file: 'config/webhooks.yaml', line: null, column: null, path: 'endpoints', message };
}

/** `argument` is the one that names it. */
function find(endpoints: readonly Endpoint[], id: string, argument: string): Endpoint {
  const endpoint = endpoints.find((candidate) => candidate.id === id);
  if (endpoint) return endpoint;
  throw new Refusal('NOT_FOUND', `There is no webhook endpoint ${JSON.stringify(id.slice(0, 80))}.`, argument);
}

function findEnabled(endpoints: readonly Endpoint[], id: string, argument: string): Endpoint {
  const endpoint = find(endpoints, id, argument);
  if (!endpoint.enabled) throw new Refusal('CONFLICT', `${id} is disabled: enable it in the file first.`, argument);
  return endpoint;
}
