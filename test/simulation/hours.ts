// A simulated world that lives for hours under mixed faults, and must end as empty as it began.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { checkBacklogs } from './backlogs.ts';
import { converge } from './converge.ts';
import { applyFault } from './faults.ts';
import { judgeOrders } from './judge-orders.ts';
import { judgeWorld } from './judge-world.ts';
import { kinds } from './schedule.ts';
import { Violation } from './violation.ts';
import { type World, makeWorld, passUntil } from './world.ts';

const hourMs = 3_600_000;
/** Something is published about as often. */
const publishEveryMs = 15_000;
const faultEveryMs = 60_000;
/** A second restore would make nobody's history of the first one's; one that began anew would not. */
const faults = kinds.filter((kind) => kind !== 'publish' && kind !== 'postgres is restored');
/** What a heap may have grown by, of which the code that was compiled meanwhile is the most. */
const mostGrowthMb = 4;

/** Each hour: 55 minutes of faults, then all heals, everything that was published arrives, and what is over is dropped. */
export function runHours({ hours, seed }: { hours: number; seed: number }): {
  violation: string | null;
  lines: string[];
} {
  const world = makeWorld({ seed, processes: 3, endpoints: 3, leaseTtlMs: 3_000 });
  const lines: string[] = [];
  let first: Sizes | null = null;
  let requests = 0;
  try {
    for (let number = 0; number < 3; number += 1) world.start(number);
    for (let hour = 1; hour <= hours; hour += 1) {
      liveAnHour(world);
      requests += world.history.requests.length;
      drop(world);
      const sizes = sizesOf(world);
      lines.push(`hour ${hour}: ${requests} requests; ${describe(sizes)}`);
      first ??= sizes;
      compare(first, sizes);
    }
    return { violation: null, lines };
  } catch (error) {
    const violation = (error as Error).message;
    return { violation, lines: [...lines, `seed ${seed}: ${violation}`] };
  }
}

function liveAnHour(world: World): void {
  const { time, chance } = world;
  const end = time.now() + hourMs;
  const any = (most: number) => Math.floor(chance() * (most + 1));
  while (time.now() < end - hourMs / 12) {
    const at = time.now();
    applyFault(world, { at, do: 'publish', who: any(11), ms: any(5_000) });
    if (chance() < publishEveryMs / faultEveryMs) {
      applyFault(world, { at, do: faults[any(faults.length - 1)]!, who: any(11), ms: any(5_000) });
    }
    passUntil(time, at + chance() * 2 * publishEveryMs);
  }
  converge(world);
  checkBacklogs(world.postgres.tables, world.endpoints);
  judgeWorld(world);
  judgeOrders(world);
  passUntil(time, end);
}

/** What is over: the product's retention, and the world's own memory of it. */
function drop({ postgres: { tables }, history, admin, watch, orders, valkey }: World): void {
  for (let position = 1; position < tables.head; position += 1) tables.log[position] = undefined;
  tables.gaps = tables.head > 1 ? [{ first: 1, last: tables.head - 1 }] : [];
  tables.rows = [];
  tables.orders = [];
  tables.events.clear();
  tables.configurations.splice(0, tables.configurations.length - 1);
  history.requests.length = 0;
  history.halts.length = 0;
  for (const part of [history.durableAt, history.acknowledged, history.askedAt]) part.clear();
  history.lineBegins.clear();
  history.orders.clear();
  admin.beginLines();
  watch.forget();
  orders.forget();
  valkey.wipe();
}

type Sizes = { heapMb: number; due: number; waiting: number; items: number; unnumbered: number; actors: number };

function sizesOf({ time, valkey, postgres: { tables }, services }: World): Sizes {
  const actors = services.reduce((sum, service) => sum + [...service!.instance.dispatcher.actors()].length, 0);
  const heapMb = usedHeap() / 2 ** 20;
  return {
    heapMb,
    due: time.size,
    waiting: valkey.waiting,
    items: tables.items.length,
    unnumbered: tables.queue.length,
    actors,
  };
}

function describe({ heapMb, due, waiting, items, unnumbered, actors }: Sizes): string {
  return `heap ${heapMb.toFixed(1)} MB, ${due} things due, ${waiting} reads waiting, ${items} replays, ${unnumbered} events unnumbered, ${actors} actors`;
}

function compare(first: Sizes, last: Sizes): void {
  if (last.heapMb > first.heapMb + mostGrowthMb) throw new Violation('the heap has grown');
  if (last.due > 2 * first.due + 50) throw new Violation('what is due has grown');
  if (last.items + last.unnumbered > 0) throw new Violation('a queue is not empty');
  if (last.actors > 4) throw new Violation('an endpoint is served twice');
}

/** After the garbage is gone. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
