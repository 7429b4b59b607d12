// The first tables: users, the event log, the delivery log, and each endpoint's place in the log.

import { Migration } from '@mikro-orm/migrations';

export class FirstTables extends Migration {
  override up(): void {
    this.addSql(`
      create table users (
        id uuid primary key,
        email text not null,
        display_name text,
        avatar_url text,
        role text not null check (role in ('USER', 'ADMIN')),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        search_text text not null default ''
      )`);
    // Only where it can be had: else a search reads the table. Under the locale C a trigram has no letter but ASCII's.
    this.addSql(`
      do $$
      declare
        home text;
        knows_letters boolean;
      begin
        create extension if not exists pg_trgm;
        select n.nspname into home from pg_catalog.pg_extension e
          join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
        execute format('select cardinality(%I.show_trgm(''é'')) > 0', home) into knows_letters;
        if knows_letters then
          execute format('create index users_search_text on users using gin (search_text %I.gin_trgm_ops)', home);
        end if;
      exception when others then
        raise notice 'no index for searches, for pg_trgm cannot be used: %', sqlerrm;
      end $$`);

    // Partitioned by day of the UUIDv7 id, so that retention drops a partition and the id alone stays the key.
    this.addSql(`
      create table webhook_events (
        id uuid primary key,
        seq bigint generated always as identity,
        position bigint,
        type text not null,
        subject text,
        addressed_to text,
        payload text not null,
        created_at timestamptz(3) not null,
        positioned_at timestamptz(3)
      ) partition by range (id)`);
    this.addSql('create table webhook_events_default partition of webhook_events default');
    // Unique in each partition: positions cannot be the partition key's part. See operations/partitions.ts for the rest.
    this.addSql('create unique index on webhook_events_default (position)');
    this.addSql('create index webhook_events_waiting on webhook_events (seq) where position is null');
    this.addSql('create index webhook_events_type on webhook_events (type, id)');
    this.addSql('create index webhook_events_subject on webhook_events (subject, id) where subject is not null');

    this.addSql(`
      create table webhook_idempotency_keys (
        key text primary key,
        event_id uuid not null,
        type text not null,
        digest bytea not null,
        created_at timestamptz(3) not null default clock_timestamp()
      )`);

    // One row: the end of the log. log_id is made at the first start, not here, so that a cloned database has its own.
    this.addSql(`
      create table webhook_log_head (
        id smallint primary key default 1 check (id = 1),
        log_id uuid,
        epoch bigint not null default 1,
        position bigint not null default 0,
        positioned_at timestamptz(3) not null default '-infinity'
      )`);
    this.addSql('insert into webhook_log_head default values');

    this.addSql(`
      create table webhook_deliveries (
        id uuid primary key,
        event_id uuid not null,
        event_type text not null,
        endpoint_id text not null,
        endpoint_url text not null,
        status text not null check (status in ('delivered', 'retrying', 'failed')),
        http_status integer,
        error_message text,
        attempt_count integer not null,
        latency_ms double precision,
        created_at timestamptz(3) not null,
        completed_at timestamptz(3),
        response_body text,
        position bigint not null,
        generation bigint not null,
        resumes integer not null,
        origin text not null check (origin in ('line', 'replay', 'test')),
        wait_ms bigint,
        recorded_at timestamptz(3) not null default clock_timestamp()
      ) partition by range (id)`);
    this.addSql('create table webhook_deliveries_default partition of webhook_deliveries default');
    this.addSql('create index on webhook_deliveries (endpoint_id, position)');
    this.addSql('create index on webhook_deliveries (endpoint_id, id)');
    this.addSql('create index on webhook_deliveries (event_id)');
    this.addSql('create index on webhook_deliveries (event_type, id)');
    this.addSql(`create index on webhook_deliveries (id) where status <> 'delivered'`);

    this.addSql('create sequence webhook_generations');
    this.addSql(`
      create table webhook_cursors (
        endpoint_id text primary key,
        generation bigint not null default nextval('webhook_generations') * 1000000 + floor(random() * 1000000)::bigint,
        position bigint,
        examined bigint not null default 0,
        filter text not null default '',
        backlog integer not null default 0,
        previous bigint not null default 0,
        resumes integer not null default 0,
        pause_reason text check (pause_reason in ('admin', 'gone', 'exhausted')),
        paused_at timestamptz(3),
        updated_at timestamptz(3) not null default clock_timestamp()
      )`);

    // Deliveries beside the line: tests now, replays later. An item is gone when its last attempt is recorded.
    this.addSql(`
      create table webhook_side_items (
        id uuid primary key,
        endpoint_id text not null,
        event_id uuid not null,
        origin text not null check (origin in ('replay', 'test')),
        unique (endpoint_id, event_id)
      )`);

    this.addSql(`
      create table webhook_endpoint_stats (
        endpoint_id text not null,
        minute timestamptz(0) not null,
        writer uuid not null,
        delivered integer not null,
        failed integer not null,
        gave_up integer not null,
        latency_buckets integer[] not null,
        primary key (endpoint_id, minute, writer)
      )`);

    // How the newest attempts ended. Written about once a second, so pages keep room for new versions of rows.
    this.addSql(`
      create table webhook_endpoint_outcomes (
        endpoint_id text primary key,
        delivered_at timestamptz(3),
        failed_at timestamptz(3),
        error text
      ) with (fillfactor = 50)`);
  }
}
