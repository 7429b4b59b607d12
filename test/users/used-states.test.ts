import type { EntityManager } from '@mikro-orm/postgresql';
import { expect, test } from 'vitest';
import type { Transactions } from '../../src/outbox/transactions.ts';
import { useStatesOnce } from '../../src/users/used-states.ts';

/** A database that counts how often it is asked; of which `used` tells the ids that it holds. */
function countedTransactions() {
  const used = new Set<string>();
  const seen = { asked: 0, away: false };
  const execute = async (_sql: string, [id]: [string]) => {
    await Promise.resolve();
    if (used.has(id)) return [];
    used.add(id);
    return [{ id }];
  };
  const run = async (work: (em: EntityManager) => Promise<unknown>) => {
    seen.asked += 1;
    if (seen.away) throw new Error('the database is away');
    return await work({ execute } as unknown as EntityManager);
  };
  return { used, seen, transactions: { run } as unknown as Transactions };
}

const usedAlready = 'state: was used already. Start the sign-in again.';

test('however often one state is brought, at once and later, one is taken and the database is asked once', async () => {
  const { seen, transactions } = countedTransactions();
  const useUp = useStatesOnce(transactions);
  const results = await Promise.allSettled(Array.from({ length: 500 }, async () => await useUp({ id: 'one' })));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  await expect(useUp({ id: 'one' })).rejects.toThrow(usedAlready);
  expect(seen.asked).toBe(1);
  await useUp({ id: 'another' });
  expect(seen.asked).toBe(2);
});

test('a state that another instance used up is refused, and asked about once', async () => {
  const { used, seen, transactions } = countedTransactions();
  used.add('one');
  const useUp = useStatesOnce(transactions);
  for (let n = 0; n < 3; n += 1) await expect(useUp({ id: 'one' })).rejects.toThrow(usedAlready);
  expect(seen.asked).toBe(1);
});

test('while the database is away a state stays as good as it was', async () => {
  const { seen, transactions } = countedTransactions();
  const useUp = useStatesOnce(transactions);
  seen.away = true;
  const results = await Promise.allSettled(Array.from({ length: 50 }, async () => await useUp({ id: 'one' })));
  expect(results.every(({ status }) => status === 'rejected')).toBe(true);
  expect(seen.asked).toBe(1);
  seen.away = false;
  await useUp({ id: 'one' });
});
