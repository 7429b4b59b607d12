// Looks at the database: whether it can be reached and used, its version, rights, durability, and its clock.

import { whyNotInstalled } from '../embedded/postgres-installation.ts';
import type { DatabaseAddress } from '../model/database-address.ts';
import { pendingMigrations, superuserWhoOwns } from '../model/migrations.ts';
import { openOrm } from '../model/orm.ts';
import { lackingRights } from '../model/rights.ts';
import { whyUnfit } from '../model/unfit-database.ts';
import { durabilityWarnings } from '../operations/durability.ts';
import { databaseProblem } from '../settings/database-problem.ts';
import type { Settings } from '../settings/environment.ts';
import { databaseUrlWarning } from '../settings/server-urls.ts';
import { type Finding, doubtful, right, wrong } from './finding.ts';

const part = 'database';
const oldestVersion = 150_000;
/** Retention, tails and signatures go by the clock. */
const mostClockMs = 5_000;

export async function lookAtDatabase({
  databaseUrl,
  databaseSchema,
}: Pick<Settings, 'databaseUrl' | 'databaseSchema'>): Promise<Finding[]> {
  if (databaseUrl === null) {
    const lacking = await whyNotInstalled();
    if (lacking !== null) return [wrong(part, lacking)];
    return [right(part, 'a Postgres of its own, in .tidings/postgres; DATABASE_URL names another')];
  }
  const database = { url: databaseUrl, schema: databaseSchema };
  const warning = databaseUrlWarning(databaseUrl);
  const doubts = warning === null ? [] : [doubtful(part, warning)];
  try {
    return [...doubts, ...(await lookAt(database))];
  } catch (error) {
    const problem = databaseProblem(databaseUrl, error);
    const sentence = problem?.sentence ?? (error as Error).message.split('\n')[0]!;
    return [...doubts, wrong(part, `DATABASE_URL: ${sentence}`)];
  }
}

async function lookAt(database: DatabaseAddress & { schema: string }): Promise<Finding[]> {
  const unfit = await whyUnfit(database);
  if (unfit !== null) return [wrong(part, unfit)];
  const orm = openOrm({ ...database, connections: 1, name: 'tidings-doctor' });
  try {
    const begunAt = Date.now();
    const [{ version, number, now }] = await orm.em.fork().execute<[{ version: string; number: number; now: number }]>(
      `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
                extract(epoch from clock_timestamp())::float8 * 1000 as now`,
    );
    if (number < oldestVersion) return [wrong(part, `it is Postgres ${version}: use 15 or newer`)];
    return [
      right(part, `Postgres ${version}, schema ${database.schema}`),
      ...(await lookAtTables(database)),
      ...(await durabilityWarnings(orm)).map((sentence) => doubtful(part, sentence)),
      clock((now - (begunAt + Date.now()) / 2) / 1_000),
    ];
  } finally {
    await orm.close(true);
  }
}

async function lookAtTables(database: DatabaseAddress): Promise<Finding[]> {
  const pending = await pendingMigrations(database);
  if (pending.length > 0) return [wrong(part, `it lacks ${pending.join(', ')}: run "npx tidings migrate"`)];
  const lacking = await lackingRights(database);
  if (lacking.length > 0) {
    const rights = lacking.map((one) => one.right).join(', ');
    return [wrong(part, `user "${lacking[0]!.user}" lacks the rights ${rights}: grant them`)];
  }
  const owner = await superuserWhoOwns(database);
  const doubts =
    owner === null
      ? []
      : [
          doubtful(
            part,
            `the role ${owner}, a superuser, owns the function publish, which runs with its rights: let another role own it`,
          ),
        ];
  return [right(part, 'its tables are those of this version, and may be used'), ...doubts];
}

function clock(aheadS: number): Finding {
  const apart = `the database's clock is ${Math.abs(aheadS).toFixed(1)} s ${aheadS > 0 ? 'ahead of' : 'behind'} this machine's`;
  if (Math.abs(aheadS) * 1_000 <= mostClockMs) return right('clock', apart);
  return doubtful('clock', `${apart}: let both be set by NTP, since receivers refuse signatures of another time`);
}
