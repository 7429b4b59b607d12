// The log in Postgres: pages of consecutive positions, which all readers share.

import { isDeepStrictEqual } from 'node:util';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogEntry } from './entry.ts';
import { type Gap, pastGap } from './gaps.ts';
import { readGaps } from './read-gaps.ts';

export const pageSize = 500;
/** A page ends with the event that makes it as large, so that a log of large events fills no memory. */
const maxPageBytes = 4 * 1024 * 1024;
const maxPages = 64;
const maxBytes = 32 * 1024 * 1024;

export type LogTable = {
  /**
   * The page after a position: at most 500 events of consecutive positions, or 4 MiB and one event more, from the one after
   * `pastGap(after)` on. Empty at the log's end.
   */
  readPage(after: number): Promise<readonly LogEntry[]>;
  /** Drops all pages: they were read from another database. */
  forget(): void;
};

/** It begins after the position under which it is kept: a multiple of 500, or the end of a page that its bytes have ended. */
type Page = { entries: readonly LogEntry[]; bytes: number };

/**
 * Reads pages through `orm`. It keeps full pages in a cache of at most 64 pages and 32 MiB. Readers who ask for the same
 * page at one time share the query.
 */
export function createLogTable(orm: MikroORM): LogTable {
  const cached = new Map<number, Page>();
  const inFlight = new Map<number, Promise<Page>>();
  let cachedBytes = 0;
  let gaps: readonly Gap[] = [];
  /** Raised by `forget`: answers to older queries are dropped. */
  let era = 0;

  /** The events after a position, up to the end of its page. */
  async function load(after: number): Promise<Page> {
    const asked = era;
    const end = after - (after % pageSize) + pageSize;
    const rows = await orm.em.fork().execute<LogEntry[]>(
      `select position::float8 as position, event_id as id, type, subject, addressed_to as "addressedTo",
              not_for as "notFor",
              configuration::float8 as configuration, payload, traceparent
         from (select l.*, e.subject, e.payload, e.traceparent, sum(octet_length(payload)) over (order by position) - octet_length(payload) as bytes_before
                 from webhook_log l
                cross join lateral (select subject, payload, traceparent from webhook_events where id = l.event_id offset 0) e
                where position > ? and position <= ?) page
        where bytes_before < ? order by position`,
      [after, end, maxPageBytes],
    );
    const page = { entries: rows, bytes: bytesOf(rows) };
    const last = rows.at(-1)?.position;
    const isWhole = last === end || page.bytes >= maxPageBytes;
    if (asked === era && isWhole && last === after + rows.length) keep(after, page);
    return page;
  }

  /**
   * A page may lack its first events, which retention has deleted, and a recorded gap may begin or end in it. There is no
   * other hole; but if there were one, what is behind it must not be taken for what follows.
   */
  function following(after: number, rows: readonly LogEntry[]): readonly LogEntry[] {
    const first = rows[0]?.position ?? Infinity;
    // Nearly always nothing is missing. Every endpoint that is behind asks for every page.
    if (rows.at(-1)?.position === first + rows.length - 1)
      return first > after + 1 ? [] : rows.slice(after + 1 - first);
    const hole = rows.findIndex(({ position }, index) => {
      return index > 0 && position !== pastGap(gaps, rows[index - 1]!.position) + 1;
    });
    const entries = (hole === -1 ? rows : rows.slice(0, hole)).filter(({ position }) => position > after);
    const end = entries.findIndex(({ position }, index) => position !== after + 1 + index);
    return end === -1 ? entries : entries.slice(0, end);
  }

  function keep(after: number, page: Page): void {
    cached.set(after, page);
    cachedBytes += page.bytes;
    for (const [oldest, { bytes }] of cached) {
      if (cached.size <= maxPages && cachedBytes <= maxBytes) break;
      cached.delete(oldest);
      cachedBytes -= bytes;
    }
  }

  async function read(after: number): Promise<readonly LogEntry[]> {
    let start = after - (after % pageSize);
    for (;;) {
      const page = kept(start) ?? (await loadOnce(start));
      const entries = following(after, page.entries);
      const last = page.entries.at(-1)?.position ?? Infinity;
      // What is asked for may lie behind the bytes that a page may have.
      if (entries.length > 0 || last > after || page.bytes < maxPageBytes) return entries;
      start = last;
    }
  }

  function kept(after: number): Page | undefined {
    const page = cached.get(after);
    if (!page) return undefined;
    // Used just now, so the last one to be dropped.
    cached.delete(after);
    cached.set(after, page);
    return page;
  }

  function loadOnce(after: number): Promise<Page> {
    let loading = inFlight.get(after);
    if (!loading) {
      loading = load(after).finally(() => {
        if (inFlight.get(after) === loading) inFlight.delete(after);
      });
      inFlight.set(after, loading);
    }
    return loading;
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

function bytesOf(entries: readonly LogEntry[]): number {
  return entries.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
}
