-- The event log. An event is written once, in the transaction of what it tells about, with a row in the queue beside it.
-- The relay moves it from the queue to the log, where it has a position.

-- Partitioned by day of the UUIDv7 id, so that retention drops a partition and the id alone stays the key.
create table webhook_events (
  id uuid primary key,
  type text not null,
  subject text,
  -- The only endpoint it is for: a test.
  addressed_to text,
  -- The endpoint that it tells about, which does not get it.
  not_for text,
  payload text not null,
  -- W3C trace context of the request that it was recorded in.
  traceparent text,
  created_at timestamptz(3) not null
) partition by range (id);
create table webhook_events_default partition of webhook_events default;
create index webhook_events_type on webhook_events (type, id);

-- Events that have no position yet, in the order in which they were recorded. A row lives for milliseconds, and dead ones
-- at the front cost each look: they are cleared away by their number, however large the table once was.
create table webhook_outbox (
  seq bigint generated always as identity primary key,
  event_id uuid not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);

-- Who has which position, with all that a reader needs to decide without the payload. Positions have no gaps but those of
-- webhook_log_gaps. Partitioned by ranges of positions, which the relay makes ahead.
create table webhook_log (
  position bigint primary key,
  event_id uuid not null,
  type text not null,
  addressed_to text,
  not_for text,
  -- Hash of the subject, so that one line's next event is found by its position; 0 for events without one.
  line bigint not null,
  -- Version of the configuration that was in force.
  configuration bigint not null,
  positioned_at timestamptz(3) not null
) partition by range (position);
-- src/log/log-partitions.ts makes the next ones.
create table webhook_log_1 partition of webhook_log for values from (1) to (4000001);
create index on webhook_log (line, position);
-- Tests are few, and looked up.
create index on webhook_log (addressed_to, position) where addressed_to is not null;
create index on webhook_log (event_id);

-- One row: the end of the log. log_id is made at the first start, not here, so that a cloned database has its own.
create table webhook_log_head (
  id smallint primary key default 1 check (id = 1),
  log_id uuid,
  epoch text not null default '1',
  position bigint not null default 0,
  positioned_at timestamptz(3) not null default '-infinity',
  -- There are partitions for the positions up to this one.
  partitioned_to bigint not null default 4000000,
  -- Version of the configuration in force.
  configuration bigint not null default 0,
  -- The stream in Valkey: its number within the epoch, and the secret that its entries are sealed with. "= default"
  -- makes another secret.
  stream_number bigint not null default 1,
  stream_secret text not null default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
);
insert into webhook_log_head default values;

-- Positions that no event has: a restored log goes on after all that was ever given.
create table webhook_log_gaps (
  first bigint primary key,
  last bigint not null
);

-- The first event of each key; what it stands for is read there.
create table webhook_idempotency_keys (
  key text primary key,
  event_id uuid not null,
  created_at timestamptz(3) not null default clock_timestamp()
);
