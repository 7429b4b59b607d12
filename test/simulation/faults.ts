// Does what one record of a schedule says, when its time has come.

import type { Endpoint } from '../../src/settings/endpoint.ts';
import { forge } from './forger.ts';
import type { Step } from './schedule.ts';
import type { Service } from './service.ts';
import type { World } from './world.ts';

const types = ['order.paid', 'order.sent', 'user.created'];

export function applyFault(world: World, step: Step): void {
  const { time } = world;
  if (step.do === 'postgres is restored') scheduleRestore(world, step);
  else time.after(step.at - time.now(), () => act(world, step));
}

/** From a backup that was made up to three seconds before. */
function scheduleRestore(world: World, { at, who, ms }: Step): void {
  const { time, postgres, watch, history } = world;
  const backupAt = Math.max(0, at - (ms % 3_000));
  time.after(backupAt - time.now(), () => {
    const backup = postgres.copy();
    time.after(at - backupAt, () => {
      postgres.restore(backup, 20 + who * 50);
      for (const service of world.services) service!.loseConnections();
      watch.restored();
      history.restoredAt.push(time.now());
    });
  });
}

function act(world: World, { at, do: what, who, ms }: Step): void {
  const { postgres, valkey, receivers, services } = world;
  const number = who % services.length;
  const service = services[number]!;
  const endpoint = world.endpoints[who % world.endpoints.length]!.id;
  // Any process that runs may be asked.
  const by = service.process.alive ? service : services.find((other) => other?.process.alive);

  switch (what) {
    case 'crash':
      return crash(world, number, ms);
    case 'leave':
      return leave(world, number, ms);
    case 'stop':
      return service.process.stop(1_500 + ms);
    case 'sleep':
      world.watch.slept(service.process);
      return service.process.sleep(ms);
    case 'kill thread':
      if (!service.process.alive) return;
      return service.process.hear(0, () => service.threads.kill(ms % 2));
    case 'thread hangs':
      return service.threads.hang(ms % 2, 2 * ms);
    case 'postgres fails':
      return postgres.failFor(ms, who % 2 === 0 ? 0.3 : 1);
    case 'postgres is slow':
      return postgres.slowFor(ms, 100 + who * 200);
    case 'postgres restarts':
      for (const each of services) each!.loseConnections();
      return postgres.restart(ms / 5);
    case 'postgres is restored':
      return;
    case 'postgres sets its clock':
      return postgres.setClock((who - 6) * 600_000);
    case 'valkey lies':
      return valkey.setMode('lying', ms);
    case 'valkey is wiped':
      return valkey.wipe();
    case 'valkey is away':
      return valkey.setMode('away', ms);
    case 'valkey is half dead':
      return valkey.setMode('halfDead', ms);
    case 'valkey is written to':
      return forge(valkey, who, ms);
    case 'receiver fails':
      return receivers.failFor(endpoint, ms, 0.3 + (who % 3) * 0.3);
    case 'receiver is slow':
      return receivers.slowFor(endpoint, ms);
    case 'receiver is gone':
      return receivers.leave(endpoint);
    default:
      if (by) work(world, { at, do: what, who, ms }, by);
  }
}

function work(world: World, { do: what, who, ms }: Step, by: Service): void {
  const { admin } = world;
  const endpoint = world.endpoints[who % world.endpoints.length]!.id;
  const share = ms / 5_000;
  switch (what) {
    case 'publish':
      for (let more = ms % 3; more > 0; more -= 1) admin.publish(by, types[(who + more) % types.length]!, 0);
      return admin.publish(by, types[who % types.length]!, openMsOf(ms));
    case 'test':
      return admin.publish(by, 'webhook.test', openMsOf(ms), endpoint);
    case 'pause':
      return admin.pause(by, endpoint);
    case 'resume':
      return admin.resume(by, endpoint);
    case 'rewind':
      return admin.rewind(by, endpoint, share);
    case 'replay':
      return admin.replay(by, endpoint, share);
    case 'cancel':
      return admin.cancel(by, endpoint);
    case 'retry':
    case 'skip':
      // Some ask again before they have an answer.
      if (ms % 2 === 0) world.time.after(ms % 1_500, () => by.process.alive && admin.order(by, endpoint, what));
      return admin.order(by, endpoint, what);
    case 'reload':
      return reload(world, by, who, []);
    case 'secret is missing':
      return reload(world, by, who, [who % world.services.length]);
    default:
      throw new Error(`nobody knows how to do this: ${what}`);
  }
}

/** Most commit at once, some hold what they insert for a moment, and a few for long. */
function openMsOf(ms: number): number {
  return ms % 25 === 0 ? ms : ms % 5 === 0 ? ms % 700 : 0;
}

function crash(world: World, number: number, ms: number): void {
  const { process } = world.services[number]!;
  if (!process.alive) return;
  process.crash();
  world.history.halts.push({ how: 'killed', sender: process.id, at: world.time.now(), goesOnAt: null });
  startLater(world, number, ms);
}

function leave(world: World, number: number, ms: number): void {
  const service = world.services[number]!;
  if (!service.process.alive) return;
  service.process.hear(0, () => service.leave(() => startLater(world, number, ms)));
}

function startLater(world: World, number: number, ms: number): void {
  world.time.after(ms, () => {
    // Unless it was healed meanwhile.
    if (!world.services[number]!.process.alive) world.start(number);
  });
}

/** Changes a filter, another endpoint's address, or adds and removes one. */
function reload(world: World, by: Service, which: number, standsAside: readonly number[]): void {
  const { endpoints } = world;
  const changed: Endpoint[] = endpoints.map((endpoint, index) => {
    if (which % 4 === 0 && index === 1)
      return { ...endpoint, events: endpoint.events[0] === '*' ? ['order.paid'] : ['*'] };
    if (which % 4 === 1 && index === 0) return { ...endpoint, url: `https://${which}.example.com/` };
    return endpoint;
  });
  if (which % 4 === 2 && changed.length > 2) changed.pop();
  else if (which % 4 === 2)
    changed.push({ ...changed[0]!, id: 'c', events: ['*'], onExhausted: world.onExhausted('c') });
  world.endpoints.splice(0, endpoints.length, ...changed);
  world.admin.reload(by, changed, standsAside);
}
