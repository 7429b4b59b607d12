// Says why a database cannot be used, whatever is in it.

import type { MikroORM } from '@mikro-orm/postgresql';

/** One sentence for the operator, or null. */
export async function whyUnfit(orm: MikroORM): Promise<string | null> {
  const [{ name, encoding, isReadOnly }] = await orm.em
    .fork()
    .execute<[{ name: string; encoding: string; isReadOnly: boolean }]>(
      `select current_database() as name, current_setting('server_encoding') as encoding,
              current_setting('transaction_read_only')::boolean as "isReadOnly"`,
    );
  if (encoding !== 'UTF8') {
    return `DATABASE_URL: the database ${name} has the encoding ${encoding}, which cannot hold every text; make one with "create database … encoding 'UTF8' template template0" and use that.`;
  }
  return isReadOnly
    ? `DATABASE_URL: the database ${name} takes no changes: it is a standby, or default_transaction_read_only is on for it or for the role; use one that does.`
    : null;
}
