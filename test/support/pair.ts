// Two instances on one database and one Valkey: who serves what, and a load that goes on whatever becomes of one of them.

import { hostname } from 'node:os';
import { onTestFinished } from 'vitest';
import { actAsAdmin } from './admin.ts';
import { eventually } from './eventually.ts';
import type { RunningService } from './service.ts';
import type { Stage } from './stage.ts';

/** As the API names an instance. */
export function nameOf({ pid }: RunningService): string {
  return `${hostname()}:${pid}`;
}

export async function owners(service: Pick<RunningService, 'ask'>): Promise<Record<string, string | null>> {
  type Owned = { webhookEndpoints: { id: string; owner: string | null }[] };
  const { webhookEndpoints } = await service.ask<Owned>('{ webhookEndpoints { id owner } }');
  return Object.fromEntries(webhookEndpoints.map(({ id, owner }) => [id, owner]));
}

/** What it says that it serves. */
export async function served(service: RunningService): Promise<string> {
  const response = await fetch(`${service.url}/readyz`);
  const { checks } = (await response.json()) as { checks: { leases: { detail: string } } };
  return checks.leases.detail;
}

export type Pair = ReturnType<typeof watchPair>;

/** `running` are those that run now; what is published is added to `acknowledged`. */
export function watchPair({
  stage,
  endpoints,
  acknowledged,
  running,
}: {
  stage: Stage;
  endpoints: readonly string[];
  acknowledged: string[];
  running(): readonly RunningService[];
}) {
  /** Does as the admin what is done through this instance. */
  function through(service: RunningService) {
    return actAsAdmin({ ...stage, service: () => service });
  }

  return {
    through,

    /** Waits until both serve their half; with the endpoints of each. */
    async sharedOut(): Promise<{ service: RunningService; ids: string[] }[]> {
      await eventually(
        async () => (await Promise.all(running().map(served))).every((detail) => detail.startsWith('32 of 64 shards')),
        { saying: 'half of the shards on each' },
      );
      const seen = await owners(running()[0]!);
      return running().map((service) => ({
        service,
        ids: Object.keys(seen).filter((id) => seen[id] === nameOf(service)),
      }));
    },

    /** Publishes through an instance, a few events whenever all endpoints have accepted what there was, until it is stopped. */
    publishSteadily(service: RunningService): () => Promise<void> {
      let stopped = false;
      async function publish(): Promise<void> {
        while (!stopped) {
          acknowledged.push(...(await through(service).publish(...Array.from({ length: 10 }, () => 'a.tick'))));
          const sent = acknowledged.length;
          await eventually(() => stopped || endpoints.every((id) => stage.receiver.accepted(id) >= sent));
        }
      }
      const done = publish();
      const stop = async () => {
        stopped = true;
        await done;
      };
      onTestFinished(stop);
      return stop;
    },

    /** Publishes an event, and says how long after `since`, in monotonic milliseconds, the last of these endpoints got it. */
    async reachedAll(service: RunningService, ids: readonly string[], since: number): Promise<number> {
      const [mark] = await through(service).publish('a.mark');
      acknowledged.push(mark!);
      const arrivals = await eventually(
        () => {
          const found = ids.map((id) => stage.receiver.of(id).find(({ eventId }) => eventId === mark));
          return found.every((entry) => entry !== undefined) ? found.map((entry) => entry.begunAt) : null;
        },
        { saying: `the event at ${ids.join()}` },
      );
      return Math.max(...arrivals) - since;
    },
  };
}
