// The log as Postgres has it: whole pages of consecutive positions, shared by all who read them.

import { isDeepStrictEqual } from 'node:util';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogEntry } from './entry.ts';
import { type Gap, pastGap } from './gaps.ts';
import { readGaps } from './read-gaps.ts';

export const pageSize = 500;
const maxPages = 64;
const maxBytes = 32 * 1024 * 1024;

export type ColdLog = {
  /**
   * The page that follows a position: at most 500 events of consecutive positions, of which the first is the one after
   * `pastGap(after)`; empty at the log's end.
   */
  page(after: number): Promise<readonly LogEntry[]>;
  /** Drops all that was read: the database is not the one it was read from. */
  forget(): void;
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
  let gaps: readonly Gap[] = [];
  /** Raised when all is forgotten: what was asked before is not to be believed. */
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
   * Retention takes the log's beginning, in the middle of a page too, and a recorded gap may begin or end there. No
   * other hole can be, but if it were, nothing behind it may be taken for what follows.
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
      // Asked for again: the youngest now.
      cached.delete(first);
      cached.set(first, page);
      return page.entries.slice(after - first);
    }
    let loading = underWay.get(first);
    if (!loading) {
      loading = load(first).finally(() => {
        if (underWay.get(first) === loading) underWay.delete(first);
      });
      underWay.set(first, loading);
    }
    return following(after, await loading);
  }

  /** Whether there are others than were known. */
  async function learnGaps(): Promise<boolean> {
    const asked = era;
    const found = await readGaps(orm);
    if (asked !== era || isDeepStrictEqual(found, gaps)) return false;
    gaps = found;
    return true;
  }

  return {
    async page(after) {
      const asked = era;
      let page = await read(pastGap(gaps, after));
      // The log's end, or a gap that is not known here yet.
      if (page.length === 0 && (await learnGaps())) page = await read(pastGap(gaps, after));
      return asked === era ? page : [];
    },
    forget() {
      era += 1;
      cached.clear();
      cachedBytes = 0;
      underWay.clear();
      gaps = [];
    },
  };
}
