import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openThreadPool } from '../../src/worker/pool.ts';
import { eventually } from '../support/eventually.ts';
import { makeTurn } from './made-up-turn.ts';

const threadFile = new URL('broken-thread.ts', import.meta.url).href;

type FatalLine = { level: number; reason: string; msg: string };

/** Two threads that need no server, what they log as errors, and the threads themselves. */
async function open({ startWithinMs = 60_000 } = {}) {
  const workers: Worker[] = [];
  const remember = (worker: Worker) => workers.push(worker);
  process.on('worker', remember);
  onTestFinished(() => void process.off('worker', remember));
  const lines: FatalLine[] = [];
  const logger = pino({ level: 'error' }, { write: (line) => void lines.push(JSON.parse(line) as FatalLine) });
  const pool = await openThreadPool({
    threads: 2,
    threadFile,
    startWithinMs,
    database: { url: 'postgres://127.0.0.1:1/nothing' },
    allowedNetworks: [],
    version: '1.2.3',
    log: { logger, takeLines: () => {}, options: { level: 'error', format: 'json' } },
  });
  onTestFinished(() => pool[Symbol.asyncDispose]());
  const failure = pool.failed.catch((error: unknown) => (error as Error).message);
  return { pool, workers, failure, fatal: () => lines.filter(({ level }) => level === 60) };
}

test.each([
  ['throws', 60_000, 'no place for it'],
  ['exits', 60_000, 'worker exited with code: 3'],
  ['exits with 0', 60_000, 'worker exited with code: 0'],
  ['hangs', 1_000, 'no answer within 1 s'],
  ['loops', 1_000, 'no answer within 1 s'],
])(
  'no pool opens when a thread %s as it starts: the start ends with the reason',
  async (birth, startWithinMs, reason) => {
    vi.stubEnv('THREAD_BIRTH', birth);
    const error = await open({ startWithinMs }).catch((thrown: unknown) => thrown as Error & { lines: string[] });
    expect(error).toMatchObject({ name: 'StartError' });
    const { lines } = error as { lines: string[] };
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^A delivery thread could not be started: /);
    expect(lines[0]!.slice(lines[0]!.indexOf(': ') + 2)).toMatch(reason);
  },
);

test('no pool opens when the system gives it no thread', async () => {
  const worker = await import('node:worker_threads');
  vi.spyOn(worker.default, 'Worker').mockImplementation(function refuse() {
    throw Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
  });
  await expect(open()).rejects.toMatchObject({
    name: 'StartError',
    message: 'A delivery thread could not be started: Worker initialization failure: EAGAIN',
  });
});

test('a thread that ends is replaced, as often as it ends, and the pool goes on', async () => {
  const { pool, workers, fatal } = await open();
  for (const round of [1, 2, 3]) {
    await workers.at(-1)!.terminate();
    await eventually(() => workers.length === 2 + round);
    await eventually(async () => (await pool.check(5_000)).answering === 2);
  }
  const numbers = () => pool.active().map(({ thread }) => thread);
  expect(numbers()).toEqual([0, 1]);
  await workers[0]!.terminate();
  await eventually(() => workers.length === 6);
  await eventually(async () => (await pool.check(5_000)).answering === 2);
  // The other one is the first in the list now.
  expect(numbers()).toEqual([1, 0]);
  expect(await pool.runTurn(makeTurn(1))).toMatchObject({ report: { settled: 1, failure: null } });
  expect(fatal()).toEqual([]);
});

test.each([
  ['throws', 60_000, 'no place for it'],
  ['exits', 60_000, 'it exited with code 3'],
  ['hangs', 5_000, 'no answer within 5 s'],
])('the pool fails when a thread ends and its successor %s as it starts: once, with the reason', async (...given) => {
  const [birth, startWithinMs, reason] = given;
  const { pool, workers, failure, fatal } = await open({ startWithinMs });
  vi.stubEnv('THREAD_BIRTH', birth);
  await workers[0]!.terminate();
  expect(await failure).toBe(`a delivery thread has ended and cannot be replaced: ${reason}`);
  await workers[1]!.terminate();
  expect(await pool.check(60_000)).toEqual({ threads: 2, answering: 0, rows: 0, stuckMs: 0, unwritten: null });
  expect(fatal()).toEqual([
    expect.objectContaining({ reason, msg: 'a delivery thread has ended and cannot be replaced; the process ends' }),
  ]);
});

test('a check counts the threads that answer in time, and says why one cannot write its rows', async () => {
  vi.stubEnv('THREAD_UNWRITTEN', 'yes');
  const { pool } = await open();
  expect(await pool.check(60_000)).toEqual({
    ...{ threads: 2, answering: 2, rows: 4, stuckMs: 60_000 },
    unwritten: 'rows cannot be written: 42P01',
  });
  void pool.runTurn(makeTurn(1, { endpoint: { id: 'hangs' } }));
  expect(await pool.check(500)).toMatchObject({ threads: 2, answering: 1 });
});
