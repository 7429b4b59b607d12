// Two instances with failpoints on one database, and what came of an event while one of them is in trouble.

import { inject } from 'vitest';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';
import type { Failpoint } from './failpoints.ts';
import { arm, instanceProgram } from './instance-program.ts';

export type Both = { owner: RunningService; other: RunningService };
export type TwoInstances = Awaited<ReturnType<typeof openTwoInstances>>;

/** Both serve one endpoint, crm, by turns; each says in its requests which it is. */
export async function openTwoInstances({ leaseTtlMs }: { leaseTtlMs: number }) {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(await openDatabase());
  const environment = { VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '1' };
  const program = instanceProgram(leaseTtlMs);
  const stage: Stage = opening.use(await openStage({ program, database, environment }));
  await stage.place.configure([stage.endpoint('crm', { base_delay: '50ms' })]);
  const started = await stage.start();
  const settings = { DATABASE_URL: database.url, ...environment };
  const instances = [started, opening.use(await startService(stage.place.path, settings, program))];

  /** Who serves the endpoint, as this instance sees it. */
  async function ownerBy(asked: RunningService): Promise<RunningService | undefined> {
    const { webhookEndpoints } = await asked.ask<{ webhookEndpoints: [{ owner: string | null }] }>(
      '{ webhookEndpoints { owner } }',
    );
    return instances.find(({ pid }) => webhookEndpoints[0].owner?.endsWith(`:${pid}`));
  }

  /** Waits until each has half of the shards: one that was stopped has looked around by then, and holds leases anew. */
  async function ownerAndOther(): Promise<Both> {
    await eventually(async () => (await Promise.all(instances.map(hasHalf))).every(Boolean), {
      saying: 'half of the shards on each',
    });
    const owner = (await ownerBy(instances[0]!))!;
    return { owner, other: instances.find((one) => one !== owner)! };
  }

  async function publish(through: RunningService, type: string, count: number): Promise<string[]> {
    const events = Array.from({ length: count }, () => ({ type, data: {} }));
    const { publishWebhookEvents } = await through.ask<{ publishWebhookEvents: { id: string }[] }>(
      'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }',
      { events },
    );
    return publishWebhookEvents.map(({ id }) => id);
  }

  /** Attempt and status of each. */
  function requestsOf(id: string) {
    const requests = stage.receiver.of('crm').filter(({ eventId }) => eventId === id);
    return requests.map(({ attempt, status }) => [attempt, status]);
  }

  async function rowsOf(id: string) {
    const rows = (await stage.attempts('crm')).filter(({ eventId }) => eventId === id);
    return rows.map(({ attempt, status }) => [attempt, status]);
  }

  const accepted = (ids: readonly string[]) =>
    eventually(() => ids.every((id) => requestsOf(id).some(([, status]) => status === 200)), {
      saying: 'every event at crm',
    });

  const takenOver = ({ other }: Both) =>
    eventually(async () => (await ownerBy(other)) === other, { saying: 'a take-over' });

  /** Waits for as many rows of an event as it must have, and says which. */
  async function recorded(id: string, count = 1) {
    await eventually(async () => (await rowsOf(id)).length === count, { saying: `${count} rows` });
    return await rowsOf(id);
  }

  /** Publishes five events, at the first of which the owner is stopped; their ids. */
  async function stopAt(point: Failpoint, { owner, other }: Both): Promise<string[]> {
    await arm(owner, point, { act: 'stop' });
    const ids = await publish(other, 'stop.event', 5);
    await eventually(async () => !(await answers(owner)), { saying: 'the stop' });
    return ids;
  }

  /**
   * With `owner` stopped and `ids` published, the first of which it may have sent: the other takes over and sends them all.
   * When the owner goes on, it sends nothing more: what it had sent is recorded. What was wrong with that.
   */
  async function afterStop(both: Both, ids: readonly string[], requests: number): Promise<string[]> {
    await takenOver(both);
    await accepted(ids);
    both.owner.send('SIGCONT');
    await ownerAndOther();
    const [first, ...rest] = ids;
    await recorded(first!, requests);
    const [last] = await publish(both.owner, 'stop.after', 1);
    await accepted([last!]);
    const wrongs: string[] = [];
    for (const [id, times] of [[first!, requests], ...[...rest, last!].map((each) => [each, 1] as const)] as const) {
      const found = JSON.stringify({ requests: requestsOf(id), rows: await recorded(id, times) });
      const right = {
        requests: Array.from({ length: times }, () => [1, 200]),
        rows: Array.from({ length: times }, () => [1, 'delivered']),
      };
      if (found !== JSON.stringify(right)) wrongs.push(`${id}: ${found}`);
    }
    return wrongs;
  }

  const parts = opening.move();
  return {
    stage,
    instances,
    ownerAndOther,
    publish,
    requestsOf,
    accepted,
    takenOver,
    recorded,
    stopAt,
    afterStop,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function hasHalf({ url }: RunningService): Promise<boolean> {
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks: { leases: { detail: string } } };
  return checks.leases.detail.startsWith('32 of 64 shards');
}

async function answers({ url }: RunningService): Promise<boolean> {
  return await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(500) }).then(
    () => true,
    () => false,
  );
}
