// The second phase of a simulated world: all heals, and everything that was published must arrive within a bound.

import { Violation } from './violation.ts';
import { isAlwaysFor } from './wanted.ts';
import { type World, passUntil } from './world.ts';

/** After everything has healed. */
const convergesWithinMs = 25_000;
const lookEveryMs = 250;

/** Heals everything, and waits until it is over. */
export function converge(world: World): void {
  const { time } = world;
  const end = time.now() + convergesWithinMs;
  heal(world, end);
  while (!isConverged(world)) {
    if (time.now() >= end)
      throw new Violation(`not over ${convergesWithinMs} ms after all healed: ${whatIsLeft(world)}`);
    passUntil(time, time.now() + lookEveryMs);
  }
}

/** Ends every fault: what is down starts, what is stopped goes on, and what is paused is resumed. */
function heal({ postgres, valkey, receivers, services, start, endpoints, admin, time }: World, end: number): void {
  postgres.heal();
  valkey.heal();
  receivers.heal();
  for (const [number, service] of services.entries()) {
    if (service?.process.alive) service.process.goOn();
    else start(number);
  }
  // Until it holds: what was asked for before may come into force after it.
  const insist = () => {
    const by = services.find((service) => service!.process.alive)!;
    const inForce = postgres.tables.configurations.at(-1)!;
    const isWanted = JSON.stringify(inForce.endpoints) === JSON.stringify(endpoints);
    if (by && (inForce.standsAside.length > 0 || !isWanted)) admin.reload(by, [...endpoints], []);
    for (const [id, { pauseReason }] of postgres.tables.cursors) if (by && pauseReason) admin.resume(by, id);
    if (time.now() < end) time.after(1_000, insist);
  };
  insist();
}

/** Everything that was committed is settled for everybody, and written down. */
function isConverged(world: World): boolean {
  const { postgres, services, endpoints } = world;
  const { tables } = postgres;
  // A write that was applied late may have set a cursor back for good: what is settled above it says enough.
  const isThrough = (id: string) =>
    tables.cursors.get(id)?.position === tables.head ||
    services.some((service) => {
      const { actor, position } = service!.instance.dispatcher;
      const known = actor(id);
      const isPresent = known?.reading === 'live' && known.stored.generation === tables.cursors.get(id)?.generation;
      return service!.process.alive && isPresent && known.cursor(position).position === tables.head;
    });
  return (
    tables.queue.length === 0 &&
    tables.items.length === 0 &&
    endpoints.every(({ id }) => isThrough(id) && !tables.cursors.get(id)?.failing) &&
    services.every((service) => service !== null && service.process.alive && service.threads.isIdle) &&
    allIsSettled(world)
  );
}

/** Whether a row settles every event of each endpoint's present line. */
function allIsSettled({ postgres: { tables }, history, endpoints }: World): boolean {
  return endpoints.every(({ id: endpoint }) => {
    const { generation } = tables.cursors.get(endpoint)!;
    const begin = history.lineBegins.get(`${endpoint} ${generation}`);
    if (begin === undefined) throw new Violation(`${endpoint} has an unknown generation ${generation}`);
    const settled = new Set<string>();
    for (const row of tables.rows) {
      const isHere = row.endpoint === endpoint && row.generation === generation && row.origin === 'line';
      if (isHere && row.status !== 'retrying') settled.add(row.eventId);
    }
    return tables.log.every((entry) => {
      const isOfLine = entry !== undefined && entry.position > begin.position && entry.addressedTo === null;
      return !isOfLine || settled.has(entry.id) || !isAlwaysFor(tables, endpoint, entry);
    });
  });
}

function whatIsLeft({ postgres: { tables }, services, endpoints }: World): string {
  const cursors = endpoints.map(({ id }) => {
    const { position, pauseReason, generation, owner, failing } = tables.cursors.get(id) ?? {};
    return `${id} at ${position} of generation ${generation}, ${pauseReason ?? 'not paused'}, owned by ${owner}${failing ? ', failing' : ''}`;
  });
  const actors = services.flatMap((service) =>
    [...(service?.instance.dispatcher.actors() ?? [])].map((actor) => {
      const { endpoint, reading, sending, examined } = actor;
      return `${service!.process.id} has ${endpoint.id}, ${reading} and ${sending}, at ${examined}`;
    }),
  );
  const left = [`head ${tables.head}`, `${tables.queue.length} unnumbered`, `${tables.items.length} items`];
  return [...left, ...cursors, ...actors].join('; ');
}
