import { expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { advisoryLock } from '../../src/operations/day-partitions.ts';
import { runRetention } from '../../src/operations/retention.ts';
import { openDatabase } from '../support/database.ts';
import { oldDays } from '../support/old-days.ts';

const log = { debug() {}, info() {}, warn() {} } as never;

test('each run tells what had to stay although it is old, and who needs it, until a look finds nobody', async () => {
  await using database = await openDatabase();
  const orm = openOrm({ url: database.url, connections: 4, name: 'kept-test' });
  const stored = oldDays(orm);
  try {
    await stored.partitions('2024-03-01T00:00:00Z', 4);
    await stored.delivery('2024-03-01T10:00:01Z', await stored.event('2024-03-01T10:00:00Z', 1));
    // The newest event says what time it is: the database's clock is years ahead.
    await stored.event('2024-03-20T12:00:00Z', 2);
    await stored.cursor('crm', 0);
    const told: object[] = [];
    const stayed = new Map();
    const parts = { orm, retentionMs: 5 * 86_400_000, log, onKept: (kept: object) => told.push(kept) };
    const run = () => runRetention(parts, { stayed });
    await run();
    await run();
    // The next run cannot look at the log, and the one after that not at deliveries.
    await stored.sql('alter table webhook_cursors rename to hidden');
    await run();
    await stored.sql('alter table hidden rename to webhook_cursors');
    await orm.em.fork().transactional(async (em) => {
      await em.execute(`select pg_advisory_xact_lock(${advisoryLock})`);
      await run();
    });
    await stored.sql('update webhook_cursors set position = 2');
    await run();
    const kept = ['webhook_log', 'webhook_deliveries'].map((table) => ({ table, endpoints: ['crm'] }));
    expect(told).toEqual([kept, kept, kept, kept, []]);
  } finally {
    await orm.close(true);
  }
});
