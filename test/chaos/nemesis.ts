// Who breaks things in a chaos run: from one seed, one fault after another, each under load.

import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../support/monotonic-clock.ts';
import type { RunningService } from '../support/service.ts';
import type { Cluster } from './cluster.ts';
import { type Failpoint, type ThreadEnd, failpoints } from './failpoints.ts';
import { arm } from './instance-program.ts';
import type { Member } from './member.ts';
import { createOuterFaults } from './outer-faults.ts';
import type { Fault } from './plan.ts';
import { watchThreads } from './thread-ends.ts';

/** What is not reached in time is killed where it is. */
const reachedWithinMs = 8_000;
/** A thread that runs out of memory takes its time. */
const threadEndsWithinMs = { exit: reachedWithinMs, exhaust: 30_000 };

export type NemesisParts = { cluster: Cluster; leaseTtlMs: number; chance: () => number };

export function createNemesis({ cluster, leaseTtlMs, chance }: NemesisParts) {
  const { members, halts, receiver, surprises } = cluster;
  const lastingMs = () => leaseTtlMs * (1.5 + chance());
  const outer = createOuterFaults({ cluster, chance, lastingMs });
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

  /**
   * Nobody outside knows who passes the point: one alone relays, and one that has just come back has nothing to send yet.
   * So all are armed, and one is to die first.
   */
  async function killAt(point: Failpoint, underLoad: UnderLoad): Promise<string> {
    const first = await anyMember();
    const armed = members.filter(({ service }) => service);
    const found = armed.map((member) => ({ member, sender: member.sender, service: member.service! }));
    const at = 1 + Math.floor(chance() * (isOften(point) ? 50 : 3));
    for (const { member } of found) member.isDoomed = true;
    await Promise.all(
      found.map(({ member, service }) =>
        arm(service, point, { at: member === first || isRelays(point) ? at : 2 * at }),
      ),
    );
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
    return dead.length > 0 ? `${point} (${dead.join(', ')})` : await killOne(`${point}, not reached`, () => {});
  }

  /** An instance that lives is disarmed first. */
  async function hasEnded(service: RunningService): Promise<boolean> {
    const answer = await arm(service, failpoints[0], { at: 0 });
    return typeof answer !== 'object';
  }

  /** In the midst of a turn. V8 may end the whole process when a thread is out of memory: that is a kill. */
  async function endThread(what: string, act: ThreadEnd, underLoad: UnderLoad): Promise<string> {
    const victim = await anyMember();
    const { sender } = victim;
    const service = victim.service!;
    victim.isDoomed = true;
    const replaced = watchThreads(service);
    const point = chance() < 0.5 ? 'before turn.deliver' : 'after turn.deliver';
    await arm(service, point, { at: 1 + Math.floor(chance() * 20), act });
    await underLoad();
    const end = await Promise.race([replaced(AbortSignal.timeout(threadEndsWithinMs[act])), service.ended]);
    if (await hasEnded(service)) {
      comeBack(victim);
      return `${count(`${what}, and its process`)} (${sender})`;
    }
    victim.isDoomed = false;
    if (end === null || typeof end !== 'object') return await killOne(`${what}, not reached`, () => {});
    halts.push({ how: 'lost a thread', sender, ...end });
    return `${count(what)} (${sender})`;
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

  async function stopOne(): Promise<void> {
    const { service, sender } = await anyMember();
    service!.send('SIGSTOP');
    // Not before: it may do much in between, on a machine that is busy.
    const at = monotonicMs();
    await sleep(lastingMs());
    service!.send('SIGCONT');
    halts.push({ how: 'stopped', sender, at, goesOnAt: monotonicMs() });
  }

  function dropDead(): void {
    for (const { ways } of members) for (const way of Object.values(ways)) way.dropDead();
  }

  return {
    counts,
    /** Ends what a network that went silent has left behind, as keep-alives would after a while. */
    dropDead,
    /**
     * Resolves when the fault has had its effect, with what it was; what was killed may still be starting. `underLoad`
     * publishes, and resolves in the middle of what comes of that.
     */
    async strike(fault: Fault, underLoad: UnderLoad): Promise<string> {
      await running();
      dropDead();
      if (fault.what === 'kill') return await killAt(fault.point, underLoad);
      if (fault.what === 'a thread ends') return await endThread(fault.what, 'exit', underLoad);
      if (fault.what === 'a thread out of memory') return await endThread(fault.what, 'exhaust', underLoad);
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
      if (fault.what === 'all, and Valkey wiped') return await killAll(fault.what, outer['Valkey wiped']);
      if (fault.what === 'all, and both servers') {
        return await killAll(fault.what, () =>
          Promise.allSettled([outer['Postgres killed'](), outer['Valkey killed']()]),
        );
      }
      await (fault.what === 'stopped for longer than a lease' ? stopOne() : outer[fault.what]());
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
