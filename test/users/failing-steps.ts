// Makes a change of a user fail at the step of the moment: in Postgres at a row or the commit, or in the code around it.

import type { MikroORM } from '@mikro-orm/postgresql';
import { createTransactions, type Transactions } from '../../src/outbox/transactions.ts';

const rowSteps = ['user', 'account', 'session', 'state', 'event'] as const;
export const codeSteps = ['before the work', 'after the work', 'after a flush'] as const;
export type Step = (typeof rowSteps)[number] | 'commit' | (typeof codeSteps)[number] | 'nowhere';

const tables: Record<(typeof rowSteps)[number], string> = {
  user: 'users',
  account: 'oauth_accounts',
  session: 'sessions',
  state: 'oauth_used_states',
  event: 'webhook_events',
};

/** The database's part: the step of the moment is what `failAt` wrote. */
export async function installFailures(orm: MikroORM): Promise<void> {
  const em = orm.em.fork();
  await em.execute(`
    create table failing_step as select 'nowhere' as step;
    create function fail() returns trigger language plpgsql as $$
    begin
      if exists (select from failing_step where step = tg_argv[0]) then
        raise exception 'injected at %', tg_argv[0] using errcode = 'ZZ001';
      end if;
      return coalesce(new, old);
    end $$`);
  for (const [step, table] of Object.entries(tables)) {
    await em.execute(`create trigger fail before insert or update or delete on ${table}
      for each row execute function fail('${step}')`);
  }
  await em.execute(`create constraint trigger fail_late after insert on webhook_events
    deferrable initially deferred for each row execute function fail('commit')`);
}

export async function failAt(orm: MikroORM, step: Step): Promise<void> {
  await orm.em.fork().execute('update failing_step set step = ?', [step]);
}

/** Transactions that throw inside, at the step of the moment. */
export function failingTransactions(
  orm: MikroORM,
  step: () => Step,
): { transactions: Transactions; commits: () => number } {
  let commits = 0;
  const real = createTransactions({ orm, onCommit: () => (commits += 1) });
  const transactions: Transactions = {
    run: (work) =>
      real.run(async (em) => {
        if (step() === 'before the work') throw new Error('injected');
        const result = await work(em);
        if (step() === 'after the work') throw new Error('injected');
        if (step() === 'after a flush') {
          await em.flush();
          throw new Error('injected');
        }
        return result;
      }),
  };
  return { transactions, commits: () => commits };
}
