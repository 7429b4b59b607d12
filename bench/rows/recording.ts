// What recording an event costs the change that it tells of: the same mutation with its event and without.

import type { EntityManager } from '@mikro-orm/postgresql';
import { LockMode } from '@mikro-orm/postgresql';
import { User } from '../../src/model/user.ts';
import { createTransactions } from '../../src/outbox/transactions.ts';
import { createUser, updateUser } from '../../src/users/lifecycle.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import { type Figure, NoFigure, type Row, type RowOptions } from '../row.ts';
import { openDirectory, openServers } from '../servers.ts';

const users = 100;
const updates = 1_000;
/** As many as the service runs at once. */
const callers = 6;
const reach = 0.9;

export const recordingRow: Row = { name: 'recording', measure };

async function measure(ground: Ground, { pairs, say }: RowOptions): Promise<Figure> {
  const { orm, versions } = await openServers(ground, await openDirectory(ground), { connections: callers + 2 });
  const transactions = createTransactions({ orm, onCommit: () => {} });
  const ids: string[] = [];
  for (let index = 0; index < users; index += 1) {
    const { id } = await createUser(transactions, { email: `${index}@example.com` });
    ids.push(id);
  }
  let name = 0;

  const withEvent = async (id: string) => void (await updateUser(transactions, id, { displayName: `Ada ${name++}` }));
  const without = async (id: string) =>
    await transactions.run(async (em: EntityManager) => {
      const user = await em.findOneOrFail(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      Object.assign(user, { displayName: `Ada ${name++}`, updatedAt: new Date() });
    });
  const countEvents = async () => {
    const [row] = await orm.em.fork().execute<[{ count: number }]>('select count(*)::int as count from webhook_events');
    return row.count;
  };

  async function rateOf(update: (id: string) => Promise<void>): Promise<number> {
    let next = 0;
    const call = async () => {
      while (next < updates) await update(ids[next++ % users]!);
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: callers }, call));
    return (updates * 1_000) / (performance.now() - startedAt);
  }

  await rateOf(withEvent);
  await rateOf(without);
  const runs: { ours: number; theirs: number }[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const before = await countEvents();
    const ours = await rateOf(withEvent);
    const recorded = (await countEvents()) - before;
    if (recorded !== updates) throw new NoFigure(`${updates} changes recorded ${recorded} events`);
    const theirs = await rateOf(without);
    runs.push({ ours, theirs });
    say(`pair ${pair}: with ${Math.round(ours)}/s, without ${Math.round(theirs)}/s`);
  }
  const ratio = median(runs.map(({ ours, theirs }) => ours / theirs));
  return {
    lines: [
      {
        measure: `updates of a user with their events, ${callers} at once`,
        measured: `${Math.round(median(runs.map(({ ours }) => ours)))}/s`,
        beside: `${Math.round(median(runs.map(({ theirs }) => theirs)))}/s (the same without)`,
        ratio,
        reach: `>= ${reach.toFixed(2)}`,
        reached: ratio >= reach,
      },
    ],
    notes: ['in the process of the benchmark, without HTTP and GraphQL, which would hide the difference'],
    details: { updates, callers, ...versions, pairs: runs },
  };
}
