// What users and admins do in a simulated world: they publish, pause, resume, rewind, replay, cancel, test and reload.
//
// Each is one transaction on the database, asked for through one of the processes, as the API does it.

import { shardOf } from '../../src/policy/shards.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { createOrderDesk } from './ask-order.ts';
import type { History } from './history.ts';
import type { Postgres } from './postgres.ts';
import type { Service } from './service.ts';
import { assignCursors, newGeneration } from './assign-cursors.ts';
import { addFact, endPause } from './operational.ts';
import type { Item, Queued, StoredEvent, Tables } from './tables.ts';
import { isFor } from './wanted.ts';
import type { Time } from './time.ts';

export type AdminParts = {
  time: Time;
  chance(): number;
  postgres: Postgres;
  history: History;
  /** Those that run now. */
  services(): readonly Service[];
};

export type Admin = ReturnType<typeof createAdmin>;

export function createAdmin({ time, chance, postgres, history, services }: AdminParts) {
  let made = 0;
  const desk = createOrderDesk({ chance, postgres, history });

  /** Tells the other instances by publish, which may get lost. */
  function publishChange(by: Service): void {
    for (const other of services()) {
      if (other !== by && chance() < 0.7) other.process.hear(1 + chance() * 5, () => other.instance.wake());
    }
  }

  /** Changes what is stored of an endpoint, and its shard's control version with it. */
  function control(
    by: Service,
    endpoint: string,
    change: (tables: Tables) => boolean,
    done?: (ok: boolean) => void,
  ): void {
    by.ask(
      (tables) => {
        if (!tables.cursors.has(endpoint) || !change(tables)) return false;
        tables.controls[shardOf(endpoint)]! += 1;
        return true;
      },
      (isChanged) => {
        if (isChanged) {
          by.hearsOf([endpoint]);
          by.instance.reloadCursors([endpoint]);
          publishChange(by);
        }
        done?.(isChanged !== null);
      },
    );
  }

  function findRewind(tables: Tables, endpoint: string, share: number): { after: number; previous: number } | null {
    const cursor = tables.cursors.get(endpoint)!;
    const configured = tables.configurations.at(-1)!.endpoints.find(({ id }) => id === endpoint);
    if (!configured) return null;
    const wanted = tables.log.filter((entry) => entry?.addressedTo === null && isFor(configured, entry));
    const isSettled = (position: number) =>
      tables.rows.some((row) => {
        const isHere = row.endpoint === endpoint && row.position === position && row.generation === cursor.generation;
        return isHere && row.origin === 'line' && row.status !== 'retrying';
      });
    const first = wanted.find((entry) => entry!.position > cursor.position && !isSettled(entry!.position));
    const present = first ? first.position - 1 : Math.max(cursor.position, tables.head);
    const after = Math.floor(share * present);
    const since = Math.min(cursor.since, after);
    const previous = wanted.findLast((entry) => entry!.position > since && entry!.position <= after)?.position ?? 0;
    return { after, previous };
  }

  function commitEvent(by: Service, { seq, id, ...event }: Queued & StoredEvent): void {
    by.ask(
      (tables) => {
        if (!postgres.endPublishing(id)) return false;
        tables.events.set(id, event);
        tables.queue.push({ seq, id });
        tables.queue.sort((one, other) => one.seq - other.seq);
        const { addressedTo } = event;
        if (addressedTo !== null && tables.cursors.has(addressedTo)) {
          tables.items.push({ id: `replay-${id}`, endpoint: addressedTo, eventId: id, origin: 'test' });
          tables.controls[shardOf(addressedTo)]! += 1;
        }
        return true;
      },
      (isCommitted) => {
        if (isCommitted === null) postgres.abandonPublishing(id);
        if (!isCommitted) return;
        history.acknowledged.set(id, time.now());
        by.relay.wake();
        const leader = services().find((other) => other !== by);
        if (leader && chance() < 0.7) leader.process.hear(1 + chance() * 5, () => leader.relay.wake());
      },
    );
  }

  return {
    /** Inserts an event, and commits `openMs` later. */
    publish(by: Service, type: string, openMs: number, addressedTo: string | null = null): void {
      const id = `event-${(made += 1)}`;
      history.askedAt.set(id, time.now());
      by.ask(
        (tables) => {
          postgres.beginPublishing(id, by.process);
          return (tables.seq += 1);
        },
        (seq) => {
          if (seq === null) postgres.abandonPublishing(id);
          else by.process.after(openMs, () => commitEvent(by, { seq, id, type, addressedTo, notFor: null }));
        },
      );
    },

    pause(by: Service, endpoint: string): void {
      control(by, endpoint, (tables) => {
        const cursor = tables.cursors.get(endpoint)!;
        if (cursor.pauseReason !== null) return false;
        cursor.pauseReason = 'admin';
        addFact(tables, { type: 'webhook.endpoint_paused', endpoint, reason: 'admin' });
        return true;
      });
    },

    resume(by: Service, endpoint: string, done?: (ok: boolean) => void): void {
      control(
        by,
        endpoint,
        (tables) => {
          const cursor = tables.cursors.get(endpoint)!;
          if (cursor.pauseReason === null) return false;
          endPause(tables, endpoint);
          return true;
        },
        done,
      );
    },

    /** Wants its blocked line retried now, or the event at its head skipped. */
    order(by: Service, endpoint: string, kind: 'retry' | 'skip'): void {
      desk.ask(by, endpoint, kind, () => {
        by.instance.reloadCursors([endpoint]);
        publishChange(by);
      });
    },

    /** Sets an endpoint back by a share (0 to 1) of the way it has come. */
    rewind(by: Service, endpoint: string, share: number): void {
      control(by, endpoint, (tables) => {
        const found = findRewind(tables, endpoint, share);
        if (!found) return false;
        const cursor = tables.cursors.get(endpoint)!;
        const generation = newGeneration(tables);
        const { after: position, previous } = found;
        const since = Math.min(cursor.since, position);
        Object.assign(cursor, { generation, position, examined: position, previous, since, backlog: 0 });
        history.lineBegins.set(`${endpoint} ${generation}`, { position, at: time.now() });
        return true;
      });
    },

    /** Queues an event of the log, at a share (0 to 1) of its length, to be sent again. */
    replay(by: Service, endpoint: string, share: number): void {
      const id = `replay-${(made += 1)}`;
      control(by, endpoint, (tables) => {
        const entry = tables.log[Math.ceil(share * tables.head)];
        const waits = tables.items.some((item) => item.endpoint === endpoint && item.eventId === entry?.id);
        if (!entry || entry.addressedTo !== null || waits) return false;
        tables.items.push({ id, endpoint, eventId: entry.id, origin: 'replay' });
        return true;
      });
    },

    /** Forgets the replays that wait for an endpoint; its tests stay. */
    cancel(by: Service, endpoint: string): void {
      control(by, endpoint, (tables) => {
        const isOf = (item: Item) => item.endpoint === endpoint && item.origin === 'replay';
        const gone = tables.items.filter(isOf);
        tables.items = tables.items.filter((item) => !isOf(item));
        history.cancelled.push(...gone.map(({ id }) => id));
        return gone.length > 0;
      });
    },

    /** Notes those that are new. */
    beginLines: () => beginLines(postgres.tables),

    /** Puts a configuration in force; the endpoints that it brings begin at the log's end. */
    reload(
      by: Service,
      endpoints: readonly Endpoint[],
      standsAside: readonly number[],
      done?: (ok: boolean) => void,
    ): void {
      by.relay.catchUp((position) => {
        if (position === null) return done?.(false);
        by.ask(
          (tables) => {
            const version = tables.configurations.at(-1)!.version + 1;
            tables.configurations.push({ version, endpoints, standsAside });
            assignCursors(tables, endpoints);
            beginLines(tables);
            return version;
          },
          (version) => {
            if (version !== null) {
              by.reach(version);
              publishChange(by);
            }
            done?.(version !== null);
          },
        );
      });
    },
  };

  function beginLines({ cursors }: Tables): void {
    for (const [endpoint, { generation, position }] of cursors) {
      const name = `${endpoint} ${generation}`;
      if (!history.lineBegins.has(name)) history.lineBegins.set(name, { position, at: time.now() });
    }
  }
}
