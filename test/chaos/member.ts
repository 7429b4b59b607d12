// One instance of a chaos run, which is started again and again, and the ways by which it reaches its servers.

import { eventually } from '../support/eventually.ts';
import type { Halt } from '../support/judge/history.ts';
import type { RunningService } from '../support/service.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';

export type Ways = { postgres: TcpProxy; valkey: TcpProxy };

export type Member = {
  /** Another one with each start, as it stands in the requests. */
  sender: string;
  /** Null while it is dead or starts. */
  service: RunningService | null;
  /** Somebody is about to end it. */
  isDoomed: boolean;
  ways: Ways;
  /** Does nothing while it runs or starts. */
  start(): Promise<void>;
};

export type MemberParts = {
  ways: Ways;
  run(sender: string): Promise<RunningService>;
  halts: Halt[];
  surprises: string[];
};

export function createMember(name: string, { ways, run, halts, surprises }: MemberParts): Member {
  let starts = 0;
  let starting: Promise<void> | null = null;

  async function start(): Promise<void> {
    starts += 1;
    member.isDoomed = false;
    member.sender = `${name}${starts}`;
    const { sender } = member;
    // As a supervisor does: a start that meets a fault, such as a Postgres that dies under it, ends with 1.
    const service = await eventually(() => run(sender), {
      withinMs: 120_000,
      everyMs: 500,
      saying: `a start of ${sender}`,
    });
    member.service = service;
    void service.ended.then((end) => {
      halts.push({ how: 'killed', sender, at: monotonicMs(), goesOnAt: null });
      if (!member.isDoomed) surprises.push(`${sender} ended by itself with ${end}: ${service.stderr().trim()}`);
      member.service = null;
    });
  }

  const member: Member = {
    sender: '',
    service: null,
    isDoomed: false,
    ways,
    async start() {
      if (member.service) return;
      starting ??= start().finally(() => {
        starting = null;
      });
      await starting;
    },
  };
  return member;
}
