// The same with order: pg-boss, whose policy `key_strict_fifo` keeps the jobs of one key, here an endpoint, in order.

import { PgBoss } from 'pg-boss';
import { Pool } from 'undici';
import { type Timed, inTurn } from '../sides/lines.ts';
import { type Post, keyOf, postByRequest } from './post.ts';
import { openRecording } from './recorded.ts';
import { unixMs } from '../clock.ts';
import { serve } from './serve.ts';

type Job = { path: string; post: Post };

const [url = '', databaseUrl = '', concurrency = ''] = process.argv.slice(2);
const name = 'deliveries';
const jobsOfInsert = 1_000;
/** Of one fetch; and how many fetches, with their jobs, are under way at a time. */
const batchSize = Number(concurrency);
const loops = 2;
const pool = new Pool(url, { connections: Number(concurrency), pipelining: 1 });
const recording = await openRecording(databaseUrl, 'pg_boss_deliveries');
const boss = new PgBoss({ connectionString: databaseUrl, max: 20, supervise: false, schedule: false });
boss.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
await boss.start();
await boss.createQueue(name, { policy: 'key_strict_fifo' });

let keys = new Map<string, ReturnType<typeof keyOf>>();
let left = 0;

serve({
  async load(lines) {
    const jobs = inTurn(lines);
    keys = new Map(lines.map(({ path, secret }) => [path, keyOf(secret)]));
    left = jobs.length;
    for (let first = 0; first < jobs.length; first += jobsOfInsert) {
      const some = jobs.slice(first, first + jobsOfInsert);
      await boss.insert(
        name,
        // Jobs of one insert are as old as each other, and then ordered by their ids: an event's grows with the time.
        some.map((data) => ({ id: data.post.id, data, singletonKey: data.path })),
      );
    }
  },
  async run(): Promise<Timed> {
    const wanted = left;
    const before = await recording.count();
    const startedAtMs = unixMs();
    await Promise.all(Array.from({ length: loops }, work));
    const endedAtMs = unixMs();
    const rows = (await recording.count()) - before;
    if (rows !== wanted) throw new Error(`${wanted} jobs left ${rows} rows`);
    return { startedAtMs, endedAtMs };
  },
});

async function work(): Promise<void> {
  while (left > 0) {
    // At most one job of each key is out at a time, so a loop may find none.
    const fetched = await boss.fetch<Job>(name, { batchSize });
    if (fetched.length === 0) continue;
    await Promise.all(fetched.map(({ data }) => deliver(data)));
    await boss.complete(
      name,
      fetched.map(({ id }) => id),
    );
    left -= fetched.length;
  }
}

async function deliver({ path, post }: Job): Promise<void> {
  const beganAtMs = Date.now();
  await postByRequest(pool, { path, key: keys.get(path)!, post });
  await recording.insert(path, post, beganAtMs);
}
