// A working directory to run the service in: its configuration, its secrets, its local servers, all gone afterwards.

import { mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPostmaster } from '../../src/embedded/postmaster.ts';
import { makeEmbeddedDirectory } from './embedded-directory.ts';

export const adminToken = 'the-admin-token-of-the-journeys';

/** Secrets that endpoints may name, and their values. */
export const secrets = {
  first_secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  second_secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
};

export type EndpointValue = { id: string; url: string } & Record<string, unknown>;

export type Server = { pid: number; url: string };

export type Workplace = AsyncDisposable & {
  path: string;
  /** Writes config/webhooks.yaml; an endpoint has `first_secret` and all events unless it says otherwise. */
  configure(endpoints: readonly EndpointValue[]): Promise<void>;
  /** Writes any text as config/webhooks.yaml. */
  writeConfiguration(text: string): Promise<void>;
  /** The local servers as they run now, or ran last. */
  postgres(): Promise<Server>;
  valkey(): Promise<Server>;
};

export async function openWorkplace(): Promise<Workplace> {
  const directory = await makeEmbeddedDirectory();
  const { path } = directory;
  // Local servers are looked for, and ended, in the directory itself.
  await symlink('.', join(path, '.tidings'));
  for (const folder of ['config', 'secrets']) await mkdir(join(path, folder));
  const values = { ...secrets, admin_token: adminToken, session_secret: 'a session secret of more than 32 characters' };
  for (const [name, value] of Object.entries(values)) await writeFile(join(path, 'secrets', name), value);

  async function writeConfiguration(text: string): Promise<void> {
    await writeFile(join(path, 'config', 'webhooks.yaml'), text);
  }

  return {
    path,
    writeConfiguration,
    // JSON is YAML.
    configure: (endpoints) =>
      writeConfiguration(
        JSON.stringify({ endpoints: endpoints.map((one) => ({ secret: 'first_secret', events: ['*'], ...one })) }),
      ),
    async postgres() {
      const base = await realpath(join(path, 'postgres'));
      const postmaster = await readPostmaster(join(base, 'data'));
      if (!postmaster) throw new Error(`No Postgres ran in ${base}.`);
      const password = await readFile(join(base, 'password'), 'utf8');
      const socket = encodeURIComponent(postmaster.socketDirectory);
      return { pid: postmaster.pid, url: `postgres://postgres:${password}@${socket}:5432/postgres` };
    },
    async valkey() {
      const [pid, config] = await Promise.all(
        ['pid', 'valkey.conf'].map((name) => readFile(join(path, 'valkey', name), 'utf8')),
      );
      const socket = /^unixsocket "(.*)"$/m.exec(config!)![1];
      const password = /^requirepass (\w+)$/m.exec(config!)![1];
      return { pid: Number(pid), url: `${socket}?password=${password}` };
    },
    [Symbol.asyncDispose]: directory[Symbol.asyncDispose],
  };
}
