// What each transaction sets for itself, so that no statement depends on what a session, a role or a database has set.
//
// A pooler may give each transaction another session, with settings that somebody else left there, and refuses them as
// parameters of a connection. So nothing is set for longer than a transaction: the settings travel in the same message
// as its `begin`, or as the only statement of a transaction that nobody began. See decision 14.

import { quotedSchema } from './database-address.ts';

/** Limits of one transaction, 0 is none; and where its statements find their tables. */
export type TransactionScope = { statementMs: number; idleMs: number; schema?: string };

type Client = {
  query(...args: unknown[]): unknown;
  /** `I` outside of a transaction. */
  getTransactionStatus(): string | null;
};
export type SettingPool = { on(event: 'connect', listener: (client: Client) => void): unknown };

const readCommitted = 'isolation level read committed';

function settingsOf({ statementMs, idleMs, schema }: TransactionScope): Record<string, string> {
  return {
    // pg_temp last, because a temporary table would otherwise be found before ours.
    search_path: `${quotedSchema(schema)}, pg_temp`,
    datestyle: 'ISO',
    intervalstyle: 'postgres',
    timezone: 'UTC',
    bytea_output: 'hex',
    extra_float_digits: '1',
    array_nulls: 'on',
    // Statements over many partitions look dear before they run, and compiling them costs a thousand times what they cost.
    jit: 'off',
    // What is acknowledged is kept, whatever else the database is for.
    synchronous_commit: 'on',
    statement_timeout: String(statementMs),
    lock_timeout: '0',
    idle_in_transaction_session_timeout: String(idleMs),
    tcp_keepalives_idle: '5',
    tcp_keepalives_interval: '5',
  };
}

/**
 * In the middle of a COPY, and of an answer, no other time-out holds: with a client whose network went silent, Postgres would keep
 * the transaction's locks for a quarter of an hour. Elsewhere than on Linux, where there is no such option, it would log that.
 */
const lostClient = `pg_catalog.set_config('tcp_user_timeout', case when pg_catalog.version() like '%linux%' then '15000' else '0' end, true)`;

/**
 * For `driverOptions.onPoolCreated`. A statement with values outside of a transaction is refused: the protocol has no room
 * for its settings. `standard_conforming_strings` is no setting of this list, as a message is read before any of it runs:
 * the ORM writes texts so that they mean the same under both values.
 */
export function setInEachTransaction(pool: SettingPool, scope: TransactionScope): void {
  const calls = Object.entries(settingsOf(scope)).map(
    ([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`,
  );
  // One short column costs the client less than one for each.
  const settings = `select pg_catalog.concat(${[...calls, lostClient].join(', ')})`;

  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    client.query = (...args) => {
      const [text, values] = args as [unknown, (readonly unknown[])?];
      if (typeof text !== 'string' || client.getTransactionStatus() !== 'I' || /^(commit|rollback)$/.test(text)) {
        return query(...args);
      }
      if (values !== undefined && values.length > 0) {
        return Promise.reject(new Error('A statement with values needs a transaction, which carries its settings.'));
      }
      return lastResult(query(/^(begin|start transaction)\b/.test(text) ? begin(text) : alone(text)));
    };
  });

  function begin(text: string): string {
    return `${text.includes('isolation level') ? text : `${text} ${readCommitted}`}; ${settings}`;
  }

  /** Several statements in one message are one transaction. */
  function alone(text: string): string {
    return `set transaction ${readCommitted}; ${settings}; ${text}`;
  }
}

async function lastResult(results: unknown): Promise<unknown> {
  return ((await results) as unknown[]).at(-1);
}
