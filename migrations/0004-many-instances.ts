// What several instances on one database need: leases, versions of the configuration, and a log that survives a restore.

import { Migration } from '@mikro-orm/migrations';

export class ManyInstances extends Migration {
  override up(): void {
    // Shards 0 to 63 and the relay. A lease without an owner may be taken by anybody.
    this.addSql(`
      create table webhook_leases (
        lease smallint primary key,
        owner uuid,
        epoch bigint not null default 0,
        beat bigint not null default 0
      ) with (fillfactor = 50)`);
    this.addSql('insert into webhook_leases (lease) select generate_series(0, 64)');

    this.addSql(`
      create table webhook_instances (
        id uuid primary key,
        name text not null,
        beat bigint not null,
        stands_aside boolean not null,
        seen_at timestamptz(3) not null default clock_timestamp()
      )`);

    // Not in the lease's row: whoever changes an endpoint would hold up the renewal of its lease.
    this.addSql(`
      create table webhook_controls (
        shard smallint primary key,
        version bigint not null default 0
      )`);
    this.addSql('insert into webhook_controls (shard) select generate_series(0, 63)');

    this.addSql(`
      create table webhook_configurations (
        version bigint primary key,
        digest text not null,
        content text not null,
        since bigint not null,
        created_at timestamptz(3) not null default clock_timestamp()
      )`);

    // Positions that no event has: a restored log goes on after all that was ever given.
    this.addSql(`
      create table webhook_log_gaps (
        first bigint primary key,
        last bigint not null
      )`);
    this.addSql(`
      alter table webhook_log_head
        alter column epoch drop default,
        alter column epoch type text using epoch::text,
        alter column epoch set default '1',
        add column configuration bigint not null default 0`);
    // The stream in Valkey: its number within the epoch, and the secret that its entries are sealed with. "= default" makes
    // another secret.
    this.addSql(`
      alter table webhook_log_head
        add column stream_number bigint not null default 1,
        add column stream_secret text not null
          default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')`);
    this.addSql('alter table webhook_events add column configuration bigint not null default 0');
    this.addSql('alter table webhook_cursors add column owner uuid, add column owner_epoch bigint');
  }
}
