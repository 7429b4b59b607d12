// An empty database that is set otherwise in every way that a statement could notice, with tables of our names in its way.

import { randomUUID } from 'node:crypto';
import { administer } from './administer.ts';

/** By `alter database`: each differs from what Postgres has, and from what a transaction of ours sets. */
export const otherwise: Record<string, string> = {
  search_path: 'shadow, public',
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  timezone: 'Asia/Kathmandu',
  standard_conforming_strings: 'off',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  jit: 'on',
  jit_above_cost: '0',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  synchronous_commit: 'off',
  statement_timeout: '500ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '250ms',
  tcp_keepalives_idle: '600',
  tcp_keepalives_interval: '60',
  tcp_user_timeout: '90000',
};

/** What a role's own schema, or whatever comes first in its path, may hold. */
const shadows = ['users', 'sessions', 'webhook_events', 'webhook_deliveries', 'webhook_log_head', 'tidings_migrations'];

export async function openSomebodyElsesDatabase(server: string): Promise<AsyncDisposable & { url: string }> {
  const name = `somebodys_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await administer(server, `create database ${name}`);
  await administer(
    url.href,
    'create schema shadow',
    ...shadows.map((table) => `create table shadow.${table} (name text, nonsense integer)`),
    ...shadows.map((table) => `create table public.${table} (name text, nonsense integer)`),
    ...Object.entries(otherwise).map(([setting, value]) => {
      return `alter database ${name} set ${setting} = ${setting === 'search_path' ? value : `'${value}'`}`;
    }),
  );
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await administer(server, `drop database ${name} with (force)`);
    },
  };
}
