// The instances of a chaos run, their servers, and the receiver: what there is to be killed.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { migrate } from '../../src/model/migrations.ts';
import { makeCertificate } from '../support/certificate.ts';
import { type ReceiverProcess, startReceiver } from '../support/receiver/receiver-process.ts';
import { startService } from '../support/service.ts';
import { throughTcp } from '../support/server-address.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { type Workplace, openWorkplace, secrets } from '../support/workplace.ts';
import { chaosEndpoints } from './behaviours.ts';
import { type Canary, createCanary } from './canary.ts';
import type { Halt } from '../support/judge/history.ts';
import { openTimedPostgres } from '../support/timed-postgres.ts';
import { instanceProgram } from './instance-program.ts';
import { type Member, createMember } from './member.ts';

const receiverProgram = fileURLToPath(new URL('receiver.ts', import.meta.url));

export type Cluster = AsyncDisposable & {
  place: Workplace;
  /** Past the ways of the instances. */
  databaseUrl: string;
  valkeyUrl: string;
  receiver: ReceiverProcess;
  journalFile: string;
  endpoints: readonly string[];
  members: readonly Member[];
  halts: Halt[];
  /** Has heard all that the instances said. */
  canary: Canary;
  /** Instances that ended though nobody had ended them. */
  surprises: string[];
};

export type ClusterOptions = { instances: number; endpoints: number; leaseTtlMs: number };

/** Resolves when every instance is ready. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  await using opening = new AsyncDisposableStack();
  const place = opening.use(await openWorkplace());
  const log = { info: () => {}, warn: () => {} };
  const { url: databaseUrl } = opening.use(await openTimedPostgres({ directory: place.path, log }));
  const valkey = await openEmbeddedValkey({ directory: place.path, log });
  if (!valkey) throw new Error('There is no Valkey here: run make setup.');
  const { url: valkeyUrl } = opening.use(valkey);
  await migrate({ url: databaseUrl });
  const journalFile = join(place.path, 'journal.jsonl');
  const certificateFile = join(place.path, 'certificate.pem');
  const certificates = { right: makeCertificate('IP:127.0.0.1'), wrong: makeCertificate('IP:127.0.0.1') };
  await writeFile(certificateFile, certificates.right.cert);
  const { first_secret } = secrets;
  const receiver = opening.use(
    await startReceiver(receiverProgram, { journalFile, secrets: { first_secret }, certificates }),
  );
  const configured = chaosEndpoints(options.endpoints, receiver.urlOf);
  await place.configure(configured);

  const halts: Halt[] = [];
  const surprises: string[] = [];
  const environment = {
    DELIVERY_THREADS: '1',
    NODE_EXTRA_CA_CERTS: certificateFile,
  };
  const canary = await createCanary(place, [databaseUrl, throughTcp(valkeyUrl, 1)]);
  const program = {
    ...instanceProgram(options.leaseTtlMs),
    heard: (text: string) => canary.look('the output of an instance', text),
  };
  const members: Member[] = [];
  for (let index = 0; index < options.instances; index += 1) {
    const ways = {
      postgres: opening.use(await openTcpProxy(databaseUrl)),
      valkey: opening.use(await openTcpProxy(valkeyUrl)),
    };
    const servers = { DATABASE_URL: ways.postgres.url, VALKEY_URL: ways.valkey.url };
    const member = createMember(String.fromCodePoint('a'.codePointAt(0)! + index), {
      ways,
      run: (sender) => startService(place.path, { ...environment, ...servers, CHAOS_SENDER: sender }, program),
      halts,
      surprises,
    });
    opening.defer(() => member.service?.[Symbol.asyncDispose]());
    members.push(member);
  }
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
    canary,
    surprises,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
