import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { openThreadPool } from '../../src/worker/pool.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type ScriptedReceiver, openReceiver, openScriptedReceiver } from '../support/receiver/receiver.ts';
import type { Step } from '../support/receiver/script.ts';
import { makeTurn, trustALease } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 1, name: 'slow-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const ways: Record<string, { steps: Step[]; deaf?: boolean }> = {
  'never answer': { steps: [] },
  'read nothing': { steps: [], deaf: true },
  'drip headers': { steps: [{ write: 'HTTP/1.1 200 OK\r\n' }, { drip: 'a: b\r\n', everyMs: 200 }] },
  'drip a status line': { steps: [{ drip: 'H', everyMs: 60_000 }] },
  'drip 103': { steps: [{ drip: 'HTTP/1.1 103 Early Hints\r\n\r\n', everyMs: 200 }] },
};
const slowEndpoints = 200;
const healthyEndpoints = 8;
const eventsEach = 50;

test('200 endpoints that hang in every way delay no healthy one on the same threads', async () => {
  await using receivers = new AsyncDisposableStack();
  const slow: ScriptedReceiver[] = [];
  for (const way of Object.values(ways)) {
    const script = { when: 'accept' as const, everywhere: true, ...way };
    slow.push(receivers.use(await openScriptedReceiver({ script })));
  }
  await using healthy = await openReceiver();
  const pool = await openThreadPool({
    threads: 2,
    database: { url: database.url },
    allowedNetworks: ['127.0.0.0/8'],
    version: '1.2.3',
    log: { logger: pino({ level: 'silent' }), takeLines: () => {}, options: { level: 'silent', format: 'json' } },
  });
  receivers.use(pool);
  trustALease(pool);

  let ended = 0;
  const hung = Array.from({ length: slowEndpoints }, async (_, slot) => {
    const { url } = slow[slot % slow.length]!;
    await pool.runTurn(makeTurn(1, { slot, endpoint: { id: `slow-${slot}`, url, timeoutMs: 60_000 } }));
    ended += 1;
  });
  await eventually(() => slow.reduce((sum, receiver) => sum + receiver.connections(), 0) === slowEndpoints);

  // Each healthy one works off its events as an actor would: turn after turn until none is left.
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: healthyEndpoints }, async (_, index) => {
      let turn = makeTurn(eventsEach, {
        slot: slowEndpoints + index,
        endpoint: { id: `healthy-${index}`, url: healthy.url },
      });
      while (turn.events.length > 0) {
        const outcome = await pool.runTurn(turn);
        if (!('report' in outcome)) throw new Error('a healthy turn was lost');
        expect(outcome.report.failure).toBeNull();
        turn = { ...turn, events: turn.events.slice(outcome.report.settled) };
      }
    }),
  );
  const tookMs = performance.now() - startedAt;
  expect(ended).toBe(0);

  const rows = await orm.em.fork().find(WebhookDelivery, { endpointId: /^healthy-/ });
  expect(rows).toHaveLength(healthyEndpoints * eventsEach);
  expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['delivered']));
  // A machine with two cores needs a tenth of this for all of them; one slow endpoint in the way costs a minute.
  expect(tookMs).toBeLessThan(20_000);

  await pool[Symbol.asyncDispose]();
  await Promise.all(hung);
});
