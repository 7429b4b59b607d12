import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import type { AttemptResult } from '../../src/worker/deliver.ts';
import { type Recorder, createRecorder } from '../../src/worker/recorder.ts';
import { runTurn } from '../../src/worker/run-turn.ts';
import type { Turn } from '../../src/worker/turn.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { resultOf, makeTurn, openTrustingControl } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;
let recorder: Recorder;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'rows-test' });
  recorder = createRecorder({ orm, log: { warn: expect.fail, error: expect.fail }, version: '1.2.3' });
});
afterAll(async () => {
  await recorder[Symbol.asyncDispose]();
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const whole = (min: number, max: number) => fc.integer({ min, max });
const body = fc.option(fc.string({ unit: 'grapheme', maxLength: 30 }));
const at = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });
/** Few enough digits for a column of four bytes. */
const step = fc.option(whole(0, 9_999_999).map((micros) => micros / 1000));
const opening = fc.option(
  fc.record({ dnsMs: step, connectMs: step, tlsMs: step, remoteAddress: fc.option(fc.constant('[2606:4700::1]:443')) }),
);
const timing = { createdAt: at, latencyMs: whole(0, 300_000_000).map((micros) => micros / 1000), opening };
const headers = fc.array(fc.tuple(fc.string(), fc.string({ unit: 'grapheme' })), { maxLength: 3 });

/** Statuses of every class, and failures without an answer. */
const outcome: fc.Arbitrary<AttemptResult> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ status: whole(200, 299), completedAt: at, responseBody: body, ...timing })
      .map(({ status, ...rest }) => resultOf(status, rest)),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        status: fc.oneof(whole(300, 599), fc.constant(410)),
        completedAt: at,
        responseBody: body,
        responseHeaders: headers.map((pairs) => JSON.stringify(pairs)),
        retryAfterMs: fc.option(whole(0, 10_000_000)),
        ...timing,
      })
      .map(({ status, ...rest }) => resultOf(status, rest)),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ errorMessage: fc.constantFrom('timeout: nothing came', 'dns: no such name', 'tls: bad'), ...timing })
      .map((given) => resultOf(0, { ...given, httpStatus: null, completedAt: null, responseBody: null })),
  },
);

const turns = fc.array(
  fc.record({
    outcomes: fc.array(outcome, { minLength: 1, maxLength: 20 }),
    origin: fc.constantFrom('line' as const, 'line' as const, 'test' as const, 'replay' as const),
    attemptsBefore: whole(0, 7),
    generation: whole(1, 2 ** 40),
    resumes: whole(0, 3),
    maxRetries: whole(0, 7),
    baseDelayMs: whole(1, 5_000),
    maxDelayMs: whole(1, 600_000),
  }),
  { minLength: 1, maxLength: 5 },
);

const notFilledYet = { firstPosition: null, batchCount: null, budget: 0 };

/** What the contract asks of the row of the attempt on event `index`. */
function expectedRow(turn: Turn, index: number, answer: AttemptResult) {
  const { endpoint, events } = turn;
  const attempt = index === 0 ? turn.attemptsBefore + 1 : 1;
  const accepted = answer.httpStatus !== null && answer.httpStatus >= 200 && answer.httpStatus < 300;
  const gone = answer.httpStatus === 410;
  const last = attempt > endpoint.maxRetries && !gone;
  const backoff = Math.min(endpoint.baseDelayMs * 2 ** (attempt - 1), endpoint.maxDelayMs);
  const waitMs = Math.min(Math.max(backoff, answer.retryAfterMs ?? 0), endpoint.maxDelayMs);
  return {
    eventId: events[index]!.id,
    eventType: events[index]!.type,
    endpointId: endpoint.id,
    endpointUrl: endpoint.url,
    status: accepted ? 'delivered' : last ? 'failed' : 'retrying',
    httpStatus: answer.httpStatus,
    errorMessage: answer.errorMessage,
    attemptCount: attempt,
    latencyMs: answer.latencyMs,
    createdAt: answer.createdAt,
    completedAt: answer.completedAt,
    responseBody: answer.responseBody,
    responseHeaders: answer.responseHeaders,
    dnsMs: answer.opening?.dnsMs ?? null,
    connectMs: answer.opening?.connectMs ?? null,
    tlsMs: answer.opening?.tlsMs ?? null,
    remoteAddress: answer.opening?.remoteAddress ?? null,
    position: events[index]!.position,
    previous: events[index]!.previous,
    configuration: turn.configuration,
    version: '1.2.3',
    ...notFilledYet,
    generation: turn.generation,
    resumes: turn.resumes,
    origin: turn.origin,
    replayId: turn.replayId,
    waitMs: accepted || last || gone ? null : waitMs,
    traceparent: null,
  };
}

let made = 0;

test('property 9: exactly one row per attempt, with every column right for its outcome', async () => {
  await fc.assert(
    fc.asyncProperty(turns, async (given) => {
      const ran = given.map(({ outcomes, maxRetries, baseDelayMs, maxDelayMs, ...rest }) => {
        const endpoint = { id: `endpoint-${(made += 1)}`, maxRetries, baseDelayMs, maxDelayMs };
        const count = rest.origin === 'line' ? outcomes.length : 1;
        const replayId = rest.origin === 'line' ? null : newId();
        return { turn: makeTurn(count, { ...rest, replayId, endpoint }), outcomes };
      });
      const before = new Date(Date.now() - 1_000);
      const recorded = new Set<string>();
      const reports = await Promise.all(
        ran.map(({ turn, outcomes }) =>
          runTurn(turn, {
            control: openTrustingControl(),
            recorder,
            version: '1.2.3',
            deliver: ({ event }) => Promise.resolve(outcomes[turn.events.indexOf(event)]!),
            onRecorded: ({ id }) => recorded.add(id),
          }),
        ),
      );
      for (const [index, { turn, outcomes }] of ran.entries()) {
        const failedAt = outcomes.findIndex(({ verdict }) => verdict !== 'delivered');
        const attempts = Math.min(turn.events.length, failedAt === -1 ? outcomes.length : failedAt + 1);
        const rows = await orm.em
          .fork()
          .find(WebhookDelivery, { endpointId: turn.endpoint.id }, { orderBy: { position: 'asc' } });
        const expected = outcomes.slice(0, attempts).map((answer, event) => expectedRow(turn, event, answer));
        expect(
          rows.map(({ id: _id, recordedAt: _at, writer: _writer, batch: _batch, batchFrom: _from, ...row }) => row),
        ).toEqual(expected);
        for (const { id, recordedAt } of rows) {
          expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
          expect(recorded.delete(id)).toBe(true);
          expect(recordedAt > before && recordedAt <= new Date(Date.now() + 1_000)).toBe(true);
        }
        expect(reports[index]!.report.settled).toBe(rows.filter(({ status }) => status !== 'retrying').length);
      }
      expect(recorded.size).toBe(0);
    }),
    { numRuns: 60 },
  );
});
