// What a Node team would build on a job queue: a BullMQ worker that signs, posts and inserts a row. It promises no order.

import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { type Timed, inTurn } from '../sides/lines.ts';
import { type Post, keyOf, postByRequest } from './post.ts';
import { openRecording } from './recorded.ts';
import { unixMs } from '../clock.ts';
import { serve } from './serve.ts';

type Job = { path: string; post: Post };

const [url = '', databaseUrl = '', valkeyUrl = '', concurrency = ''] = process.argv.slice(2);
const name = 'deliveries';
const jobsOfAdd = 1_000;
const connection = new Redis(valkeyUrl, { maxRetriesPerRequest: null });
const pool = new Pool(url, { connections: Number(concurrency), pipelining: 1 });
const recording = await openRecording(databaseUrl, 'bullmq_deliveries');
const queue = new Queue<Job>(name, { connection, defaultJobOptions: { removeOnComplete: true } });
let keys = new Map<string, ReturnType<typeof keyOf>>();
let left = 0;
let over = Promise.withResolvers<void>();
let startedAtMs: number | null = null;

const worker = new Worker<Job>(
  name,
  async ({ data: { path, post } }) => {
    startedAtMs ??= unixMs();
    const beganAtMs = Date.now();
    await postByRequest(pool, { path, key: keys.get(path)!, post });
    await recording.insert(path, post, beganAtMs);
    left -= 1;
    if (left === 0) over.resolve();
  },
  { connection: connection.duplicate(), concurrency: Number(concurrency) },
);
worker.on('error', fail);
worker.on('failed', (_, error) => fail(error));

serve({
  async load(lines) {
    const jobs = inTurn(lines);
    keys = new Map(lines.map(({ path, secret }) => [path, keyOf(secret)]));
    left = jobs.length;
    over = Promise.withResolvers();
    startedAtMs = null;
    await queue.pause();
    for (let first = 0; first < jobs.length; first += jobsOfAdd) {
      await queue.addBulk(jobs.slice(first, first + jobsOfAdd).map((data) => ({ name: 'deliver', data })));
    }
  },
  async run(): Promise<Timed> {
    const wanted = left;
    const before = await recording.count();
    await queue.resume();
    await over.promise;
    const endedAtMs = unixMs();
    const rows = (await recording.count()) - before;
    if (rows !== wanted) throw new Error(`${wanted} jobs left ${rows} rows`);
    return { startedAtMs: startedAtMs!, endedAtMs };
  },
});

function fail(error: Error): void {
  console.error(error.message);
  process.exit(1);
}
