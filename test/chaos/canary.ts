// Looks for the secrets of a chaos run where none may be: in logs, in tables, in Valkey, in command lines.

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { MikroORM } from '@mikro-orm/postgresql';
import { Redis } from 'ioredis';
import type { Workplace } from '../support/workplace.ts';

export type Canary = {
  /** Remembers the place when there is a secret in the text. */
  look(where: string, text: string): void;
  /** Reads every table, key and command line of the run. */
  lookAround(run: { orm: MikroORM; valkeyUrl: string; pids: readonly number[] }): Promise<void>;
  /** Where there were some, each place once. */
  found(): string[];
};

/** `urls` are those of the servers, which have passwords. */
export async function createCanary(place: Workplace, urls: readonly string[]): Promise<Canary> {
  const folder = join(place.path, 'secrets');
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  const forms = [...files, ...urls.map((url) => new URL(url).password)].flatMap(formsOf);
  const places = new Set<string>();

  function look(where: string, text: string): void {
    if (forms.some((form) => text.includes(form))) places.add(`there is a secret in ${where}`);
  }

  async function lookIntoTables(orm: MikroORM): Promise<void> {
    const em = orm.em.fork();
    const tables = await em.execute<{ name: string }[]>(
      `select oid::regclass::text as name from pg_class
        where relkind = 'r' and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')`,
    );
    for (const { name } of tables) {
      const [row] = await em.execute<[{ count: number }]>(
        `select count(*)::int as count from ${name} as one
          where exists (select from json_array_elements_text(?::json) as form where position(form in one::text) > 0)`,
        [JSON.stringify(forms)],
      );
      if (row.count > 0) places.add(`there is a secret in ${name}`);
    }
  }

  async function lookIntoValkey(url: string): Promise<void> {
    const valkey = new Redis(url);
    try {
      for (const key of await valkey.keys('*')) {
        const type = await valkey.type(key);
        const read = { stream: () => valkey.xrange(key, '-', '+'), string: () => valkey.get(key) }[type];
        if (!read) throw new Error(`nobody reads a ${type} of Valkey`);
        look('Valkey', `${key} ${JSON.stringify(await read())}`);
      }
    } finally {
      valkey.disconnect();
    }
  }

  return {
    look,
    async lookAround({ orm, valkeyUrl, pids }) {
      await Promise.all([lookIntoTables(orm), lookIntoValkey(valkeyUrl)]);
      // Only Linux shows them.
      if (process.platform !== 'linux') return;
      for (const pid of pids) look('a command line', await readFile(`/proc/${pid}/cmdline`, 'utf8'));
    },
    found: () => [...places],
  };
}

/** As it is, in base64, in hex, and in a URL; of a signing secret the key within it, too. */
function formsOf(secret: string): string[] {
  const key = secret.startsWith('whsec_') ? [Buffer.from(secret.slice('whsec_'.length), 'base64')] : [];
  const encoded = [Buffer.from(secret), ...key].flatMap((bytes) => [
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
  ]);
  return [secret, encodeURIComponent(secret), ...encoded];
}
