// Changes tables that all others use: waits a short time for a lock, and tries again some times.
//
// Otherwise one long transaction of an application would hold up every publisher until it ends.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { lockNotAvailable, shortWaits } from '../model/short-waits.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { tryAgain } from '../try-again.ts';
import { advisoryLock } from './day-partitions.ts';

const tries = 5;
const pauseMs = 200;

/** Runs `work` in a transaction, and again when it could not have a lock. Throws what stops the fifth try. */
export async function tryForLocks<T>(orm: MikroORM, work: (em: EntityManager) => Promise<T>): Promise<T> {
  return await tryAgain(
    async () => await orm.em.fork().transactional(work),
    (error, failures) => {
      if (reasonOf(error) !== lockNotAvailable || failures === tries - 1) throw error;
      return pauseMs;
    },
  );
}

/** The same, but not at all (null) while a partition is being added or dropped. */
export async function alone<T>(orm: MikroORM, work: (em: EntityManager) => Promise<T>): Promise<T | null> {
  return await tryForLocks(orm, async (em) => {
    const [{ mine }] = await em.execute<[{ mine: boolean }]>(
      `select pg_try_advisory_xact_lock(${advisoryLock}) as mine, ${shortWaits}`,
    );
    return mine ? await work(em) : null;
  });
}

/** Locks a partition and its parent against everybody. The parent first, as all others do. */
export async function lockPartition(em: EntityManager, table: string, partition: string): Promise<void> {
  // Without `only`, all other partitions would be locked too.
  await em.execute(`lock table only ${table} in access exclusive mode`);
  await em.execute(`lock table ${partition} in access exclusive mode`);
}
