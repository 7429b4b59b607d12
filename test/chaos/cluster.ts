// The instances of a chaos run, their servers, and the receiver: what there is to be killed.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { migrate } from '../../src/model/migrations.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type Workplace, openWorkplace, secrets } from '../support/workplace.ts';
import { chaosEndpoints } from './behaviours.ts';
import type { Halt } from './check-history.ts';
import { monotonicMs } from './clock.ts';
import { instanceProgram } from './instance-program.ts';
import { type ReceiverProcess, startReceiver } from './receiver-process.ts';

export type Member = {
  /** Another one with each start, as it stands in the requests. */
  sender: string;
  /** Null while it is dead or starts. */
  service: RunningService | null;
  /** Somebody is about to end it. */
  isDoomed: boolean;
  /** Does nothing while it runs or starts. */
  start(): Promise<void>;
};

export type Cluster = AsyncDisposable & {
  place: Workplace;
  databaseUrl: string;
  valkeyUrl: string;
  receiver: ReceiverProcess;
  journalFile: string;
  endpoints: readonly string[];
  members: readonly Member[];
  halts: Halt[];
  /** Instances that ended though nobody had ended them. */
  surprises: string[];
};

const mostStarts = 10;

export type ClusterOptions = { instances: number; endpoints: number; leaseTtlMs: number };

/** Resolves when every instance is ready. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  await using opening = new AsyncDisposableStack();
  const place = opening.use(await openWorkplace());
  const log = { info: () => {}, warn: () => {} };
  const { url: databaseUrl } = opening.use(await openEmbeddedPostgres({ directory: place.path, log }));
  const valkey = await openEmbeddedValkey({ directory: place.path, log });
  if (!valkey) throw new Error('There is no Valkey here: run make setup.');
  const { url: valkeyUrl } = opening.use(valkey);
  await migrate(databaseUrl);
  const journalFile = join(place.path, 'journal.jsonl');
  const receiver = opening.use(await startReceiver(journalFile, secrets.first_secret));
  const configured = chaosEndpoints(options.endpoints, receiver.urlOf);
  await place.configure(configured);

  const halts: Halt[] = [];
  const surprises: string[] = [];
  const environment = {
    DATABASE_URL: databaseUrl,
    VALKEY_URL: valkeyUrl,
    DELIVERY_THREADS: '1',
    LOG_LEVEL: 'warn',
    CHAOS_LEASE_TTL_MS: String(options.leaseTtlMs),
  };
  const members = Array.from({ length: options.instances }, (_, index) => {
    const name = String.fromCodePoint('a'.codePointAt(0)! + index);
    const member = createMember(name, {
      run: (sender) => startService(place.path, { ...environment, CHAOS_SENDER: sender }, instanceProgram),
      halts,
      surprises,
    });
    opening.defer(() => member.service?.[Symbol.asyncDispose]());
    return member;
  });
  // The first one makes the places of the endpoints, before any event.
  for (const member of members) await member.start();

  const parts = opening.move();
  return {
    place,
    databaseUrl,
    valkeyUrl,
    receiver,
    journalFile,
    endpoints: configured.map(({ id }) => id),
    members,
    halts,
    surprises,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** As a supervisor does: a start that meets a fault, such as a Postgres that dies under it, ends with 1. */
async function untilStarted(run: () => Promise<RunningService>): Promise<RunningService> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (tries === mostStarts) throw error;
      await sleep(500);
    }
  }
}

type MemberParts = { run(sender: string): Promise<RunningService>; halts: Halt[]; surprises: string[] };

function createMember(name: string, { run, halts, surprises }: MemberParts): Member {
  let starts = 0;
  let starting: Promise<void> | null = null;

  async function start(): Promise<void> {
    starts += 1;
    member.isDoomed = false;
    member.sender = `${name}${starts}`;
    const { sender } = member;
    const service = await untilStarted(() => run(sender));
    member.service = service;
    void service.ended.then((end) => {
      halts.push({ sender, at: monotonicMs(), goesOnAt: null });
      if (!member.isDoomed) surprises.push(`${sender} ended by itself with ${end}: ${service.stderr().trim()}`);
      member.service = null;
    });
  }

  const member: Member = {
    sender: '',
    service: null,
    isDoomed: false,
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
