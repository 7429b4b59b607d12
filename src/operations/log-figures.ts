// Looks at what Postgres alone knows of the log: its head, and the events without a position.

import type { MikroORM } from '@mikro-orm/postgresql';
import { timeOf } from '../model/uuid.ts';

/** `oldestMs`: for how long the first event without a position waits; 0: there is none. */
export type StoredLogFigures = { head: number; unnumbered: number; oldestMs: number };

/** While a relay is stuck, the queue grows without an end. */
const countTo = 100_000;

const answerWithinMs = 1_000;

type Row = { head: number; unnumbered: number; oldest: string | null };

/**
 * A function that looks now, or waits for the look under way: there is one statement at a time. Null: Postgres does not
 * answer in time. `orm` ends a statement that takes too long.
 */
export function createLogFigures(orm: MikroORM): () => Promise<StoredLogFigures | null> {
  let looking: Promise<StoredLogFigures> | null = null;

  async function look(): Promise<StoredLogFigures> {
    const [row] = await orm.em.fork().execute<[Row]>(
      `select position::float8 as head,
              (select count(*)::int from (select 1 from webhook_outbox limit ${countTo}) queued) as unnumbered,
              (select event_id from webhook_outbox order by seq limit 1) as oldest
         from webhook_log_head`,
    );
    const { head, unnumbered, oldest } = row;
    return { head, unnumbered, oldestMs: oldest === null ? 0 : Math.max(0, Date.now() - timeOf(oldest)) };
  }

  return async () => {
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(resolve, answerWithinMs, null);
    try {
      looking ??= look().finally(() => {
        looking = null;
      });
      return await Promise.race([looking, late]);
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  };
}
