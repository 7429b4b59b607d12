// Says why a database cannot be used, whatever is in it.

import type { DatabaseAddress } from './database-address.ts';
import { openOrm } from './orm.ts';

/** One sentence for the operator, or null. */
export async function whyUnfit(database: DatabaseAddress): Promise<string | null> {
  const orm = openOrm({ ...database, connections: 1, name: 'tidings-start' });
  try {
    const [{ name, encoding, isReadOnly }] = await orm.em
      .fork()
      .execute<[{ name: string; encoding: string; isReadOnly: boolean }]>(
        `select current_database() as name, current_setting('server_encoding') as encoding,
                current_setting('transaction_read_only')::boolean as "isReadOnly"`,
      );
    if (encoding !== 'UTF8') {
      return `The database ${name} has the encoding ${encoding}, which cannot hold every text: make one with "create database … encoding 'UTF8' template template0", and use that.`;
    }
    return isReadOnly
      ? `The database ${name} takes no changes: it is a standby, or default_transaction_read_only is on for it or for the role.`
      : null;
  } finally {
    await orm.close(true);
  }
}
