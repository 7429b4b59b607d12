// Uses up the state of a sign-in, once: whatever comes then, nobody finishes it again.

import type { Transactions } from '../outbox/transactions.ts';
import { type SignInState, refusedState } from './sign-in-state.ts';

/** That so many are known to be used up, which saves the database the question. The oldest are forgotten. */
const mostKnown = 10_000;

/**
 * A function that uses a state up, in a transaction of its own. Throws Refusal BAD_USER_INPUT for one that is. Whoever
 * has a state can bring it again and again without a credential: the database hears of it once.
 */
export function useStatesOnce(
  transactions: Pick<Transactions, 'run'>,
): (state: Pick<SignInState, 'id'>) => Promise<void> {
  const known = new Set<string>();
  const asked = new Map<string, Promise<void>>();

  async function store(id: string): Promise<void> {
    const used = await transactions.run(
      async (em) =>
        await em.execute<unknown[]>(
          'insert into oauth_used_states (id) values (?) on conflict do nothing returning id',
          [id],
        ),
    );
    known.add(id);
    if (known.size > mostKnown) known.delete(known.values().next().value!);
    if (used.length === 0) throw refusedState('was used already');
  }

  return async ({ id }) => {
    const before = asked.get(id);
    // Where the database cannot be asked, it cannot for all, and the state is as good as before.
    if (before) await before;
    if (before || known.has(id)) throw refusedState('was used already');
    const asking = store(id);
    asked.set(id, asking);
    try {
      await asking;
    } finally {
      asked.delete(id);
    }
  };
}
