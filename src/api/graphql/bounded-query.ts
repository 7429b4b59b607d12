// Runs a query that may be long by its nature, and ends it after a time.

import type { EntityManager } from '@mikro-orm/postgresql';
import { Refusal } from '../../policy/refusal.ts';

/** SQLSTATE query_canceled: here by its time-out. */
const cancelled = '57014';

/** In a transaction of its own, for the time-out ends with it. Throws Refusal UNAVAILABLE when the time is over. */
export async function boundedQuery<T>(
  em: EntityManager,
  withinMs: number,
  query: (em: EntityManager) => Promise<T>,
): Promise<T> {
  try {
    return await em.fork().transactional(async (bounded) => {
      await bounded.execute(`select set_config('statement_timeout', ?, true)`, [String(withinMs)]);
      return await query(bounded);
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== cancelled) throw error;
    throw new Refusal(
      'UNAVAILABLE',
      `The search was ended after ${withinMs / 1_000} s. Look for a longer part; docs/operations.md says how Postgres gets an index for it.`,
    );
  }
}
