// A whole simulated world: instances on one Postgres and one Valkey, under one clock, driven by one schedule.
//
// Two phases: first everything may go wrong, then all heals, and what was published must arrive within a bound.

import { relayLease, shardOf } from '../../src/policy/shards.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { createChance } from '../support/chance.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { type Admin, createAdmin } from './admin.ts';
import { type History, createHistory } from './history.ts';
import { type OrderWatch, createOrderWatch } from './order-watch.ts';
import { type Postgres, createPostgres } from './postgres.ts';
import { type Receivers, createReceivers } from './receivers.ts';
import type { Schedule } from './schedule.ts';
import { type Service, startService } from './service.ts';
import { assignCursors } from './assign-cursors.ts';
import type { Tables } from './tables.ts';
import { type Time, createTime } from './time.ts';
import { type Valkey, createValkey } from './valkey.ts';
import { Violation } from './violation.ts';
import { createWatch } from './watch.ts';
import { createOperationalWatch } from './watch-operational.ts';

export type World = {
  time: Time;
  chance(): number;
  postgres: Postgres;
  valkey: Valkey;
  receivers: Receivers;
  history: History;
  admin: Admin;
  watch: ReturnType<typeof createWatch>;
  orders: OrderWatch;
  /** What an endpoint of this id does when its retries are spent. */
  onExhausted(id: string): Endpoint['onExhausted'];
  /** By the number of the process; null where none runs. */
  services: (Service | null)[];
  start(number: number): void;
  /** The endpoints of the configuration that is in force, or comes into force next. */
  endpoints: Endpoint[];
};

const ids = ['a', 'b', 'c', 'd'];
const filters = [['*', 'webhook.*'], ['order.paid'], ['order.sent', 'user.created'], ['*', 'webhook.*']];

export function makeWorld({ seed, processes, endpoints: count, leaseTtlMs }: Omit<Schedule, 'steps'>): World {
  const time = createTime();
  const chance = createChance(seed);
  const history = createHistory();
  const onExhausted = (id: string) => exhaustionOf(seed, id);
  const endpoints = filters.slice(0, count).map((events, index) => {
    // A request may outlive the lease under which it was sent.
    const timeoutMs = index % 2 === 0 ? 2_000 : 8_000;
    const retries = { timeoutMs, maxRetries: mostAttemptsAt(ids[index]!) - 1, baseDelayMs: 100, maxDelayMs: 400 };
    const pauseAfterMs = index === 0 ? null : 2_000;
    const id = ids[index]!;
    return makeEndpoint({ id, events, ...retries, onExhausted: onExhausted(id), pauseAfterMs });
  });
  const tables = firstTables(endpoints);
  const postgres = createPostgres({ time, chance, tables, check: createOperationalWatch() });
  const valkey = createValkey({ time, chance });
  const receivers = createReceivers({ time, chance });
  const watch = createWatch({ time, history, postgres: () => postgres });
  const orders = createOrderWatch({ time, history, tables: () => postgres.tables });
  const services: (Service | null)[] = Array.from({ length: processes }, () => null);
  const running = () => services.filter((service) => service !== null && service.process.alive) as Service[];
  const admin = createAdmin({ time, chance, postgres, history, services: running });
  admin.beginLines();
  let rows = 0;
  let runs = 0;
  let epochs = 1;
  const parts = {
    ...{ time, chance, postgres, valkey, receivers, watch, orders, leaseTtlMs, windowBytes: windowBytesOf(seed) },
    nextRow: () => (rows += 1),
    nextEpoch: () => `epoch ${(epochs += 1)}`,
  };
  return {
    ...{ time, chance, postgres, valkey, receivers, history, admin, watch, orders, services, endpoints, onExhausted },
    start(number) {
      services[number] = startService(parts, { id: `p${number}.${(runs += 1)}`, number });
    },
  };
}

/** As in production, or so little that windows are full all the time: a payload in these worlds has two bytes. */
function windowBytesOf(seed: number): number {
  return [2 ** 26, 24, 4][Math.abs(seed) % 3]!;
}

/** One endpoint gives up at once, so that two owners of it may do so. */
export function mostAttemptsAt(id: string): number {
  return id === 'b' ? 1 : 4;
}

/** One endpoint of three holds its events. */
function exhaustionOf(seed: number, id: string): Endpoint['onExhausted'] {
  return ((Math.abs(seed) >> 2) + ids.indexOf(id)) % 3 === 0 ? 'hold' : 'skip';
}

function firstTables(endpoints: readonly Endpoint[]): Tables {
  const shards = [...new Set(ids.map(shardOf)), relayLease];
  const tables: Tables = {
    ...{
      head: 0,
      epoch: 'epoch 1',
      stream: { number: 1, secret: 'epoch 1' },
      configurations: [{ version: 1, endpoints: [...endpoints], standsAside: [] }],
      lostConfigurations: [],
      restores: 0,
      gaps: [],
    },
    ...{
      seq: 0,
      generations: 0,
      events: new Map(),
      queue: [],
      log: [],
      instances: [],
      controls: Array.from({ length: 64 }, () => 0),
    },
    leases: shards.map((lease) => ({ lease, epoch: 0, beat: 0, owner: null })),
    ...{ cursors: new Map(), rows: [], items: [], orders: [], facts: [], givenUp: new Set<string>() },
  };
  assignCursors(tables, endpoints);
  return tables;
}

export function passUntil(time: Time, end: number): void {
  // A world in which things go round at one moment would never end.
  let steps = 0;
  while (time.step(end)) if ((steps += 1) > 1_000_000) throw new Violation('it goes round for ever');
}
