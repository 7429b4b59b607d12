// The log as Postgres has it: whole pages of consecutive positions, shared by all who read them.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogEntry } from './entry.ts';

export const pageSize = 500;
const maxPages = 64;
const maxBytes = 32 * 1024 * 1024;

export type ColdLog = {
  /** The page that follows a position: at most 500 events without a gap; empty at the log's end. */
  page(after: number): Promise<readonly LogEntry[]>;
  /** The position of the log's last event. */
  head(): Promise<number>;
};

type Page = { entries: readonly LogEntry[]; bytes: number };

/**
 * Reads pages through `orm`. Full pages are kept in a cache of at most 64 pages and 32 MiB, and readers who ask for
 * the same one at once share the query.
 */
export function createColdLog(orm: MikroORM): ColdLog {
  const cached = new Map<number, Page>();
  const underWay = new Map<number, Promise<readonly LogEntry[]>>();
  let cachedBytes = 0;

  async function load(first: number): Promise<readonly LogEntry[]> {
    const rows = await orm.em.fork().execute<LogEntry[]>(
      `select position::float8 as position, id, type, addressed_to as "addressedTo", payload
         from webhook_events where position > ? and position <= ? order by position`,
      [first, first + pageSize],
    );
    // Retention takes the log's beginning, in the middle of a page too. No other hole can be, but if it were, nothing
    // behind it may be taken for what follows.
    const start = rows[0]?.position ?? 0;
    const hole = rows.findIndex((entry, index) => entry.position !== start + index);
    const entries = hole === -1 ? rows : rows.slice(0, hole);
    if (entries.length === pageSize) keep(first, entries);
    return entries;
  }

  function keep(first: number, entries: readonly LogEntry[]): void {
    const bytes = entries.reduce((sum, { payload }) => sum + payload.length, 0);
    cached.set(first, { entries, bytes });
    cachedBytes += bytes;
    for (const [oldest, page] of cached) {
      if (cached.size <= maxPages && cachedBytes <= maxBytes) break;
      cached.delete(oldest);
      cachedBytes -= page.bytes;
    }
  }

  return {
    async page(after) {
      const first = after - (after % pageSize);
      const page = cached.get(first);
      if (page) {
        // Asked for again: the youngest now.
        cached.delete(first);
        cached.set(first, page);
        return page.entries.slice(after - first);
      }
      let loading = underWay.get(first);
      if (!loading) {
        loading = load(first).finally(() => underWay.delete(first));
        underWay.set(first, loading);
      }
      const entries = (await loading).filter(({ position }) => position > after);
      return entries[0]?.position === after + 1 ? entries : [];
    },
    async head() {
      const [row] = await orm.em
        .fork()
        .execute<[{ position: number }]>('select position::float8 as position from webhook_log_head');
      return row.position;
    },
  };
}
