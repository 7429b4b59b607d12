// The log in Postgres: pages of consecutive positions, which all readers share.

import { isDeepStrictEqual } from 'node:util';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogEntry } from './entry.ts';
import { type Gap, pastGap } from './gaps.ts';
import { readGaps } from './read-gaps.ts';

export const pageSize = 500;
const maxPages = 64;
const maxBytes = 32 * 1024 * 1024;

export type LogTable = {
  /**
   * The page after a position: at most 500 events of consecutive positions, from the one after `pastGap(after)` on. Empty
   * at the log's end.
   */
  readPage(after: number): Promise<readonly LogEntry[]>;
  /** Drops all pages: they were read from another database. */
  forget(): void;
};

type Page = { entries: readonly LogEntry[]; bytes: number };

/**
 * Reads pages through `orm`. It keeps full pages in a cache of at most 64 pages and 32 MiB. Readers who ask for the same
 * page at one time share the query.
 */
export function createLogTable(orm: MikroORM): LogTable {
  const cached = new Map<number, Page>();
  const inFlight = new Map<number, Promise<readonly LogEntry[]>>();
  let cachedBytes = 0;
  let gaps: readonly Gap[] = [];
  /** Raised by `forget`: answers to older queries are dropped. */
  let era = 0;

  async function load(first: number): Promise<readonly LogEntry[]> {
    const asked = era;
    const rows = await orm.em.fork().execute<LogEntry[]>(
      `select position::float8 as position, id, type, addressed_to as "addressedTo",
              configuration::float8 as configuration, payload
         from webhook_events where position > ? and position <= ? order by position`,
      [first, first + pageSize],
    );
    if (asked === era && rows.length === pageSize) keep(first, rows);
    return rows;
  }

  /**
   * A page may lack its first events, which retention has deleted, and a recorded gap may begin or end in it. There is no
   * other hole; but if there were one, what is behind it must not be taken for what follows.
   */
  function following(after: number, rows: readonly LogEntry[]): readonly LogEntry[] {
    const hole = rows.findIndex(({ position }, index) => {
      return index > 0 && position !== pastGap(gaps, rows[index - 1]!.position) + 1;
    });
    const entries = (hole === -1 ? rows : rows.slice(0, hole)).filter(({ position }) => position > after);
    const end = entries.findIndex(({ position }, index) => position !== after + 1 + index);
    return end === -1 ? entries : entries.slice(0, end);
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

  async function read(after: number): Promise<readonly LogEntry[]> {
    const first = after - (after % pageSize);
    const page = cached.get(first);
    if (page) {
      // Used just now, so the last one to be dropped.
      cached.delete(first);
      cached.set(first, page);
      return page.entries.slice(after - first);
    }
    let loading = inFlight.get(first);
    if (!loading) {
      loading = load(first).finally(() => {
        if (inFlight.get(first) === loading) inFlight.delete(first);
      });
      inFlight.set(first, loading);
    }
    return following(after, await loading);
  }

  /** Reads the gaps. Returns whether they have changed. */
  async function learnGaps(): Promise<boolean> {
    const asked = era;
    const found = await readGaps(orm);
    if (asked !== era || isDeepStrictEqual(found, gaps)) return false;
    gaps = found;
    return true;
  }

  return {
    async readPage(after) {
      const asked = era;
      let page = await read(pastGap(gaps, after));
      // This is the log's end, or a gap that is not known here yet.
      if (page.length === 0 && (await learnGaps())) page = await read(pastGap(gaps, after));
      return asked === era ? page : [];
    },
    forget() {
      era += 1;
      cached.clear();
      cachedBytes = 0;
      inFlight.clear();
      gaps = [];
    },
  };
}
