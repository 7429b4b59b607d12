import { expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { runRetention } from '../../src/operations/retention.ts';
import { openDatabase } from '../support/database.ts';
import { oldDays } from '../support/old-days.ts';

const log = { debug() {}, info() {}, warn() {} } as never;

test('each run tells what had to stay although it is old, and who needs it, until nobody does', async () => {
  await using database = await openDatabase();
  const orm = openOrm({ url: database.url, connections: 4, name: 'kept-test' });
  const stored = oldDays(orm);
  try {
    await stored.partitions('2024-03-01T00:00:00Z', 4);
    await stored.event('2024-03-01T10:00:00Z', 1);
    // The newest event says what time it is: the database's clock is years ahead.
    await stored.event('2024-03-20T12:00:00Z', 2);
    await stored.cursor('crm', 0);
    const told: object[] = [];
    const run = () => runRetention({ orm, retentionMs: 5 * 86_400_000, log, onKept: (kept) => told.push(kept) });
    await run();
    await run();
    await stored.sql('update webhook_cursors set position = 2');
    await run();
    const kept = { table: 'webhook_log', endpoints: ['crm'] };
    expect(told).toEqual([[kept], [kept], []]);
  } finally {
    await orm.close(true);
  }
});
