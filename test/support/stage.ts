// Where a journey plays: a working directory, a database, a receiver with its journal, and the service between them.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { DatabaseAddress } from '../../src/model/database-address.ts';
import { openOrm } from '../../src/model/orm.ts';
import { openDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { judge } from './judge/judge.ts';
import { type JournalReceiver, openJournalReceiver } from './receiver/journal-receiver.ts';
import { type Program, type RunningService, startService } from './service.ts';
import {
  type StoredEvent,
  type StoredRow,
  forEverybody,
  readAttempts,
  readLog,
  readWholeLog,
  toLogged,
} from './stored-history.ts';
import { type EndpointValue, type Workplace, openWorkplace, secrets } from './workplace.ts';

export type Stage = AsyncDisposable & {
  place: Workplace;
  receiver: JournalReceiver;
  /** The service that was started last. */
  service(): RunningService;
  /** Starts the service, after the end of the one before it. */
  start(): Promise<RunningService>;
  /** An endpoint of the receiver, named by its id. */
  endpoint(id: string, more?: Record<string, unknown>): EndpointValue;
  log(): Promise<StoredEvent[]>;
  attempts(endpoint?: string): Promise<StoredRow[]>;
  query<Row>(sql: string): Promise<Row[]>;
  /**
   * Waits until each endpoint has accepted all events that there are, and each answer is recorded; then says what was
   * wrong with the whole history, nothing left out. All endpoints take all events.
   */
  judge(told: { endpoints: readonly string[]; acknowledged: readonly string[]; crashes: number }): Promise<string[]>;
};

/**
 * With `ownServers` Postgres is the service's own, too; else it is `database`, which the service may reach by another URL
 * of the environment, or without it one of the tests' server. In it `schema` is the service's.
 */
export async function openStage({
  ownServers = false,
  database: given,
  environment = {},
  program,
}: {
  ownServers?: boolean;
  database?: Readonly<DatabaseAddress>;
  environment?: Record<string, string>;
  program?: Program;
} = {}): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const place = opening.use(await openWorkplace());
  const database: Readonly<DatabaseAddress> | null = ownServers ? null : (given ?? opening.use(await openDatabase()));
  const receiver = opening.use(await openJournalReceiver(secrets));
  const connected = new Map<string, MikroORM>();
  opening.defer(async () => {
    for (const open of connected.values()) await open.close(true);
  });
  let service: RunningService | null = null;
  opening.defer(async () => await service?.[Symbol.asyncDispose]());

  /** The port of Postgres changes with its start by a new service. */
  async function orm(): Promise<MikroORM> {
    const address = database ?? (await place.postgres());
    const { url } = address;
    let found = connected.get(url);
    if (!found) connected.set(url, (found = openOrm({ ...address, connections: 1, name: 'test-journey' })));
    return found;
  }

  async function query<Row>(sql: string): Promise<Row[]> {
    return await (await orm()).em.fork().execute<Row[]>(sql);
  }

  const parts = opening.move();
  return {
    place,
    receiver,
    query,
    service: () => service!,
    async start() {
      const settings = database
        ? { DATABASE_URL: database.url, DATABASE_SCHEMA: database.schema ?? '', ...environment }
        : environment;
      service = await startService(place.path, settings, program);
      return service;
    },
    endpoint: (id, more = {}) => ({ id, url: receiver.urlOf(id), ...more }),
    log: async () => await readLog(await orm()),
    attempts: async (endpoint) =>
      (await readAttempts(await orm())).filter((row) => endpoint === undefined || row.endpoint === endpoint),
    async judge({ endpoints, acknowledged, crashes }) {
      const [stored] = await query<{ count: number }>(
        `select count(*)::int as count from webhook_events where type not like 'webhook.%'`,
      );
      await eventually(() => endpoints.every((id) => receiver.accepted(id) === stored!.count), {
        saying: `every event at every endpoint (${stored!.count} at each)`,
      });
      const accepted = endpoints.length * stored!.count;
      await eventually(async () => {
        const [rows] = await query<{ count: number }>(
          `select count(*)::int as count from webhook_deliveries where status = 'delivered'`,
        );
        return rows!.count >= accepted;
      });
      const log = await readWholeLog(await orm());
      const wanted = toLogged(forEverybody(log));
      return judge({
        events: toLogged(log),
        lines: endpoints.map((endpoint) => ({ endpoint, events: wanted, before: 0, isWhole: true })),
        requests: receiver.journal,
        attempts: await readAttempts(await orm()),
        acknowledged: new Map(acknowledged.map((id) => [id, 0])),
        causes: { crashes },
      }).wrongs;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
