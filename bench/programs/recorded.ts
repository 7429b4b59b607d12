// The table into which the baselines write one row a job, as a team would that built its own.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Post } from './post.ts';

export type Recording = {
  /** One insert. */
  insert(path: string, post: Post, startedAtMs: number): Promise<void>;
  /** How many rows there are. */
  count(): Promise<number>;
};

const connections = 20;

export async function openRecording(url: string, table: string): Promise<Recording> {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  await pool.query(
    `create table if not exists ${table} (
       id uuid primary key, event_id uuid not null, endpoint text not null, status text not null,
       http_status integer, error_message text, attempt integer not null, latency_ms double precision,
       created_at timestamptz not null, completed_at timestamptz)`,
  );
  await pool.query(`create index if not exists ${table}_endpoint on ${table} (endpoint, created_at)`);
  return {
    async insert(path, post, startedAtMs) {
      const endedAtMs = Date.now();
      const values = [
        ...[randomUUID(), post.id, path, 'delivered', 204, null, 1],
        ...[endedAtMs - startedAtMs, new Date(startedAtMs), new Date(endedAtMs)],
      ];
      // Named, so that it is planned once a connection.
      await pool.query({
        name: 'insert',
        text: `insert into ${table} values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        values,
      });
    },
    async count() {
      const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from ${table}`);
      return rows[0]!.count;
    },
  };
}
