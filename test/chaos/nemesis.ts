// Who breaks things in a chaos run: from one seed, one fault after another, each under load.

import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { monotonicMs } from './clock.ts';
import type { RunningService } from '../support/service.ts';
import type { Cluster, Member } from './cluster.ts';
import { type Failpoint, failpoints } from './failpoints.ts';
import { arm } from './instance-program.ts';

/** What is not reached in time is killed where it is. */
const reachedWithinMs = 8_000;

export type Fault =
  | { what: 'at any moment' | 'with a request unanswered' | 'while it drains' }
  | { what: 'kill'; point: Failpoint }
  | { what: 'all, and Valkey wiped' | 'all, and both servers' }
  | { what: 'stopped for longer than a lease' | 'Valkey killed' | 'Valkey wiped' | 'Postgres killed' };

/** Each kind of kill in turn, in an order of the seed's, with a fault of another kind after every sixth. */
export function planFaults({ kills, instances, chance }: { kills: number; instances: number; chance: () => number }) {
  const oneKill: Fault[] = [
    ...failpoints.map((point): Fault => ({ what: 'kill', point })),
    ...Array.from({ length: 4 }, (): Fault => ({ what: 'at any moment' })),
    { what: 'with a request unanswered' },
    { what: 'while it drains' },
  ];
  const others: Fault[] = (
    ['stopped for longer than a lease', 'Valkey killed', 'Valkey wiped', 'Postgres killed'] as const
  ).map((what) => ({ what }));
  const all: Fault[] = [{ what: 'all, and Valkey wiped' }, { what: 'all, and both servers' }];
  const faults: Fault[] = [];
  let planned = 0;
  let hand: Fault[] = [];
  for (let turn = 1; planned < kills; turn += 1) {
    if (turn % 6 === 0) faults.push(others[(turn / 6 - 1) % others.length]!);
    if (turn % 18 === 0 && planned + instances <= kills) {
      faults.push(all[(turn / 18 - 1) % all.length]!);
      planned += instances;
      continue;
    }
    if (hand.length === 0) hand = shuffled(oneKill, chance);
    faults.push(hand.pop()!);
    planned += 1;
  }
  return faults;
}

export type NemesisParts = { cluster: Cluster; leaseTtlMs: number; chance: () => number };

export function createNemesis({ cluster, leaseTtlMs, chance }: NemesisParts) {
  const { members, halts, place, receiver, surprises } = cluster;
  const counts: Record<string, number> = {};
  /** One instance may always be dead; if there are several, two never are, but when all die at once. */
  const leastRunning = Math.max(1, members.length - 1);

  function count(what: string): string {
    counts[what] = (counts[what] ?? 0) + 1;
    return what;
  }

  async function running(least = leastRunning): Promise<Member[]> {
    for (;;) {
      const found = members.filter(({ service }) => service);
      if (found.length >= least) return found;
      await sleep(20);
    }
  }

  async function anyMember(): Promise<Member> {
    const found = await running();
    return found[Math.floor(chance() * found.length)]!;
  }

  /** It comes back at once, or after its successors have its work. */
  function comeBack(member: Member): void {
    const afterMs = members.length > 1 && chance() < 0.5 ? chance() * 2 * leaseTtlMs : 0;
    void sleep(afterMs)
      .then(() => member.start())
      .catch((error: unknown) => surprises.push(String(error)));
  }

  async function killOne(what: string, bringAbout: (service: RunningService, sender: string) => unknown) {
    const victim = await anyMember();
    const { sender } = victim;
    const service = victim.service!;
    victim.isDoomed = true;
    await Promise.resolve(bringAbout(service, sender)).catch(() => {});
    service.send('SIGKILL');
    const end = await service.ended;
    comeBack(victim);
    return `${count(end === 'SIGKILL' ? what : 'drained before it was killed')} (${sender})`;
  }

  /** One relays, and nobody outside knows which: there, whoever comes to the point first is the victim. */
  async function killAt(point: Failpoint, underLoad: UnderLoad): Promise<string> {
    const armed = isRelays(point) ? await running() : [await anyMember()];
    const found = armed.map((member) => ({ member, sender: member.sender, service: member.service! }));
    const at = 1 + Math.floor(chance() * (isOften(point) ? 50 : 3));
    for (const { member } of found) member.isDoomed = true;
    await Promise.all(found.map(({ service }) => arm(service, point, { at })));
    const anyEnd = Promise.race(found.map(({ service }) => service.ended));
    await Promise.race([underLoad().then(() => anyEnd), anyEnd, sleep(reachedWithinMs)]);
    const dead: string[] = [];
    for (const { member, sender, service } of found) {
      if (await hasEnded(service)) {
        dead.push(sender);
        count(point);
        comeBack(member);
      } else member.isDoomed = false;
    }
    return dead.length > 0 ? `${point} (${dead.join(', ')})` : await killOne('at any moment', () => {});
  }

  /** An instance that lives is disarmed first. */
  async function hasEnded(service: RunningService): Promise<boolean> {
    const answer = await arm(service, failpoints[0], { at: 0 });
    return answer === 'SIGKILL';
  }

  async function killAll(what: string, andThen: () => Promise<unknown>): Promise<string> {
    const found = await running(members.length);
    for (const member of found) {
      member.isDoomed = true;
      member.service!.send('SIGKILL');
      count(what);
    }
    await Promise.all([...found.map(({ service }) => service!.ended), andThen()]);
    found.forEach(comeBack);
    return what;
  }

  async function wipeValkey(): Promise<void> {
    const valkey = new Redis(cluster.valkeyUrl, { retryStrategy: () => null });
    await valkey.flushall().catch(() => {});
    valkey.disconnect();
  }

  async function killValkey(): Promise<void> {
    process.kill((await place.valkey()).pid, 'SIGKILL');
  }

  /** As pg_ctl stop -m immediate does. */
  async function killPostgres(): Promise<void> {
    process.kill((await place.postgres()).pid, 'SIGQUIT');
  }

  async function stopOne(): Promise<void> {
    const { service, sender } = await anyMember();
    const at = monotonicMs();
    service!.send('SIGSTOP');
    await sleep(leaseTtlMs * (1.5 + chance()));
    service!.send('SIGCONT');
    halts.push({ sender, at, goesOnAt: monotonicMs() });
  }

  return {
    counts,
    /**
     * Resolves when the fault has had its effect, with what it was; what was killed may still be starting. `underLoad`
     * publishes, and resolves in the middle of what comes of that.
     */
    async strike(fault: Fault, underLoad: UnderLoad): Promise<string> {
      await running();
      if (fault.what === 'kill') return await killAt(fault.point, underLoad);
      if (fault.what === 'with a request unanswered') {
        return await killOne(fault.what, async (_, sender) => {
          const held = receiver.hold(sender, AbortSignal.timeout(reachedWithinMs));
          await Promise.all([held, underLoad()]);
        });
      }
      await underLoad();
      if (fault.what === 'at any moment') return await killOne(fault.what, () => {});
      if (fault.what === 'while it drains') {
        return await killOne(fault.what, async (service) => {
          service.send('SIGTERM');
          await sleep(chance() * 100);
        });
      }
      if (fault.what === 'all, and Valkey wiped') return await killAll(fault.what, wipeValkey);
      if (fault.what === 'all, and both servers') {
        return await killAll(fault.what, () => Promise.allSettled([killPostgres(), killValkey()]));
      }
      if (fault.what === 'stopped for longer than a lease') await stopOne();
      else if (fault.what === 'Valkey killed') await killValkey();
      else if (fault.what === 'Valkey wiped') await wipeValkey();
      else await killPostgres();
      return count(fault.what);
    },
  };
}

type UnderLoad = () => Promise<void>;

function isRelays(point: Failpoint): boolean {
  return /relayOrm|append/.test(point);
}

/** Passed by each event or request, not by a batch of them or once in a beat. */
function isOften(point: Failpoint): boolean {
  return /turn|recorder|pool/.test(point);
}

function shuffled<T>(values: readonly T[], chance: () => number): T[] {
  const left = [...values];
  for (let index = left.length - 1; index > 0; index -= 1) {
    const other = Math.floor(chance() * (index + 1));
    [left[index], left[other]] = [left[other]!, left[index]!];
  }
  return left;
}
