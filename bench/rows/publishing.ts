// How many published events become durable in a second, beside one insert of the same rows by the bare driver.

import pg from 'pg';
import { publish } from '../api.ts';
import { makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import { type Figure, NoFigure, type Row, type RowOptions } from '../row.ts';
import { headOf } from '../sides/tidings-side.ts';
import { openStage } from '../stage.ts';
import { until } from '../until.ts';

const eventsOfCall = 500;
const calls = 30;
const atOnce = 2;
const reach = 0.4;

export const publishingRow: Row = { name: 'publishing', measure };

type StoredRow = Record<string, unknown>;

async function measure(ground: Ground, { pairs, profileDirectory, say }: RowOptions): Promise<Figure> {
  // Nobody subscribes to what is published: nothing is sent.
  const stage = await openStage(ground, makeEndpoints(1), { profileDirectory });
  const { orm, tidings, databaseUrl } = stage;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: atOnce });
  await ground.open({ [Symbol.asyncDispose]: async () => await pool.end() });
  await pool.query(
    'create table public.bench_events (like tidings.webhook_events including defaults including indexes)',
  );
  await pool.query(
    'create table public.bench_outbox (like tidings.webhook_outbox including identity including indexes)',
  );

  async function repeat(call: () => Promise<void>): Promise<number> {
    let left = calls;
    const work = async () => {
      while (left-- > 0) await call();
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: atOnce }, work));
    return (calls * eventsOfCall * 1_000) / (performance.now() - startedAt);
  }

  const types = Array.from({ length: eventsOfCall }, (_, index) => `unheard.type_${index % 20}`);
  const ours = async () => {
    const before = await headOf(orm);
    const rate = await repeat(async () => void (await publish(tidings.url, types)));
    const wanted = before + calls * eventsOfCall;
    await until('all have positions', async () => ((await headOf(orm)) >= wanted ? true : null), {
      everyMs: 100,
      withinMs: 30_000,
    });
    if ((await headOf(orm)) !== wanted) throw new NoFigure('the log has more events than were published');
    return rate;
  };
  const theirs = async () => {
    const { rows } = await pool.query<StoredRow>(
      `select id, type, subject, payload, created_at from tidings.webhook_events order by id desc limit ${eventsOfCall}`,
    );
    return await repeat(async () => await insertRows(pool, rows));
  };

  await ours();
  await theirs();
  const runs: { ours: number; theirs: number }[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const run = { ours: await ours(), theirs: await theirs() };
    runs.push(run);
    say(`pair ${pair}: published ${Math.round(run.ours)}/s, inserted ${Math.round(run.theirs)}/s`);
  }
  const ratio = median(runs.map((run) => run.ours / run.theirs));
  return {
    lines: [
      {
        measure: `events made durable by publishWebhookEvents of ${eventsOfCall}, ${atOnce} at once`,
        measured: `${Math.round(median(runs.map((run) => run.ours)))}/s`,
        beside: `${Math.round(median(runs.map((run) => run.theirs)))}/s (one insert of the same rows by pg)`,
        ratio,
        reach: `>= ${reach.toFixed(2)}`,
        reached: ratio >= reach,
      },
    ],
    notes: [],
    details: { eventsOfCall, calls, atOnce, pairs: runs },
  };
}

/** With new ids, into tables with the same columns and indexes. */
async function insertRows(pool: pg.Pool, rows: readonly StoredRow[]): Promise<void> {
  const columns = ['type', 'subject', 'payload', 'created_at'];
  const values = rows.flatMap((row) => [crypto.randomUUID(), ...columns.map((name) => row[name])]);
  const width = columns.length + 1;
  const tuples = rows.map(
    (_, row) => `(${Array.from({ length: width }, (__, at) => `$${row * width + at + 1}`).join()})`,
  );
  await pool.query(
    `with events as (
       insert into public.bench_events (id, ${columns.join()}) values ${tuples.join()} returning id
     ) insert into public.bench_outbox (event_id) select id from events`,
    values,
  );
}
