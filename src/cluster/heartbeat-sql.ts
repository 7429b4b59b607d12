// The heartbeat in SQL: one statement that renews an instance's leases and reads all that it must know. Taking and releasing leases.

import type { Lease } from '../policy/shards.ts';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { DatabaseAddress } from '../model/database-address.ts';
import { openOrm } from '../model/orm.ts';
import type { HeartbeatAnswer, HeartbeatQuestion } from './instance-ports.ts';
import type { LeaseRow } from './leases.ts';

export type InstanceName = {
  /** Names this run of the instance. */
  id: string;
  /** For people. */
  name: string;
  /** Of the program. */
  version: string;
  /** A sentence for people, while it stands aside. */
  whyAside(): string;
};

export type LeaseRows = {
  heartbeat(question: HeartbeatQuestion): Promise<HeartbeatAnswer>;
  /** The log's head alone, without a heartbeat. */
  readHead(): Promise<Pick<HeartbeatAnswer, 'head' | 'epoch' | 'server'>>;
  /** Takes those leases whose rows are still as they were seen, and that nobody else is taking now. */
  take(rows: readonly LeaseRow[]): Promise<Lease[]>;
  /** Anybody may take the lease from now on. */
  release(lease: Lease): Promise<void>;
  /** This run of the instance is over. */
  removeInstance(): Promise<void>;
};

export function createLeaseRows(orm: MikroORM, instance: InstanceName): LeaseRows {
  return {
    heartbeat: (question) => heartbeat(orm, instance, question),
    async readHead() {
      const [head] = await orm.em
        .fork()
        .execute<[Pick<HeartbeatAnswer, 'head' | 'epoch' | 'server'>]>(
          `select position::float8 as head, epoch, pg_postmaster_start_time()::text as server from webhook_log_head`,
        );
      return head;
    },
    take: (rows) => take(orm, instance.id, rows),
    release: (lease) => release(orm, instance.id, lease),
    async removeInstance() {
      await orm.em.fork().execute('delete from webhook_instances where id = ?', [instance.id]);
    },
  };
}

export type OpenLeaseRows = LeaseRows &
  AsyncDisposable & {
    /** Calls the listener when the connection is lost: another server may answer the next question. */
    onLost(listener: () => void): void;
  };

/** On a connection of their own, so that a heartbeat waits for nothing else, and not long for Postgres. */
export function openLeaseRows({
  database,
  ttlMs,
  instance,
}: {
  database: DatabaseAddress;
  ttlMs: number;
  instance: InstanceName;
}): OpenLeaseRows {
  let tellLost = () => {};
  const orm = openOrm({
    ...database,
    connections: 1,
    name: 'tidings-heartbeat',
    statementMs: ttlMs / 2,
    onLost: () => tellLost(),
  });
  return {
    ...createLeaseRows(orm, instance),
    onLost(listener) {
      tellLost = listener;
    },
    [Symbol.asyncDispose]: () => orm.close(true),
  };
}

/** Frees all leases. For a database that nobody else can use, as its directory is locked. */
export async function freeLeases(orm: MikroORM): Promise<void> {
  const em = orm.em.fork();
  await em.execute('update webhook_leases set owner = null, beat = beat + 1 where owner is not null');
  await em.execute('delete from webhook_instances');
}

/**
 * A lease is renewed only under the epoch it was taken with. When somebody else is just taking it, the update waits, and
 * then sees the new epoch.
 */
async function heartbeat(
  orm: MikroORM,
  { id, name, version, whyAside }: InstanceName,
  { renew, known, aside, forget }: HeartbeatQuestion,
): Promise<HeartbeatAnswer> {
  const [answer] = await orm.em.fork().execute<[HeartbeatAnswer]>(
    `with me as (
       insert into webhook_instances as i (id, name, version, beat, stands_aside) values (?, ?, ?, 1, ?)
       on conflict (id) do update set beat = i.beat + 1, stands_aside = excluded.stands_aside, seen_at = clock_timestamp()
     ), gone as (
       delete from webhook_instances i using json_to_recordset(?::json) as g (id uuid, beat bigint)
        where i.id = g.id and i.beat = g.beat
     ), renewed as (
       update webhook_leases l set beat = l.beat + 1
         from json_to_recordset(?::json) as a (index smallint, epoch bigint)
        where l.lease = a.index and l.epoch = a.epoch and l.owner = ?
       returning l.lease
     )
     select h.position::float8 as head, h.epoch, h.configuration::float8 as configuration,
            pg_postmaster_start_time()::text as server,
            json_build_object('number', h.stream_number, 'secret', h.stream_secret) as stream,
            (select event_id from webhook_log where position = h.position) as "headId",
            (select event_id from webhook_log where position = ?) as "idAtKnown",
            (select coalesce(json_agg(lease), '[]') from renewed) as renewed,
            (select json_agg(json_build_object('lease', lease, 'epoch', epoch, 'beat', beat, 'owner', owner))
               from webhook_leases) as leases,
            (select coalesce(json_agg(json_build_object('id', id, 'beat', beat, 'standsAside', stands_aside is not null)), '[]')
               from webhook_instances) as instances,
            (select json_agg(version order by shard) from webhook_controls) as controls,
            (select coalesce(json_agg(json_build_object('first', first, 'last', last) order by first), '[]')
               from webhook_log_gaps) as gaps
       from webhook_log_head h`,
    [
      id,
      name,
      version,
      aside ? whyAside() : null,
      JSON.stringify(forget),
      JSON.stringify(renew),
      id,
      known?.position ?? 0,
    ],
  );
  return answer;
}

async function take(orm: MikroORM, instance: string, rows: readonly LeaseRow[]): Promise<Lease[]> {
  return await orm.em.fork().execute<Lease[]>(
    `with free as (
       select l.lease from webhook_leases l
         join json_to_recordset(?::json) as w (lease smallint, epoch bigint, beat bigint)
           on l.lease = w.lease and l.epoch = w.epoch and l.beat = w.beat
        order by l.lease for update of l skip locked
     )
     update webhook_leases l set owner = ?, epoch = l.epoch + 1, beat = l.beat + 1
       from free where l.lease = free.lease
     returning l.lease as index, l.epoch::float8 as epoch`,
    [JSON.stringify(rows), instance],
  );
}

async function release(orm: MikroORM, instance: string, { index, epoch }: Lease): Promise<void> {
  await orm.em
    .fork()
    .execute('update webhook_leases set owner = null, beat = beat + 1 where lease = ? and owner = ? and epoch = ?', [
      index,
      instance,
      epoch,
    ]);
}
