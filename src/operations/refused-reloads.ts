// What is wrong with the configuration file of the newest reload, on whichever instance, while it was refused.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { ConfigProblem } from '../settings/problem.ts';

/** Of what a reload would drop, nobody can say where in the file it is missing. */
export type ReloadProblem = Omit<ConfigProblem, 'line' | 'column'> & { line: number | null; column: number | null };

export async function recordRefusal(em: EntityManager, errors: readonly ReloadProblem[]): Promise<void> {
  await em.execute(
    `insert into webhook_refused_reload (errors) values (?::jsonb)
       on conflict (id) do update set errors = excluded.errors, refused_at = excluded.refused_at`,
    [JSON.stringify(errors)],
  );
}

/** A reload after it was accepted. */
export async function forgetRefusal(em: EntityManager): Promise<void> {
  await em.execute('delete from webhook_refused_reload');
}
