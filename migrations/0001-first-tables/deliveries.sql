-- The delivery log: a row for each attempt. Written by COPY, many at once, so every index here is paid for by each delivery.

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
  -- A JSON array of [name, value]; null after a 2xx and without an answer.
  response_headers text,
  -- Opening the connection, where one was opened: each step that succeeded.
  dns_ms real,
  connect_ms real,
  tls_ms real,
  remote_address text,
  origin text not null check (origin in ('line', 'replay', 'test')),
  position bigint not null,
  -- With `position` and `attempt_count`, what the request's headers are made of again.
  previous bigint,
  first_position bigint,
  batch_count integer,
  configuration bigint not null,
  -- Of Tidings itself.
  version text not null default '',
  -- Which attempts count with it: those of the same generation, resumes and budget.
  generation bigint not null,
  resumes integer not null,
  budget integer not null default 0,
  replay_id uuid,
  -- The wait that follows a retrying attempt; it ends so long after recorded_at.
  wait_ms bigint,
  -- W3C trace context that it was sent with.
  traceparent text,
  -- In microseconds: what was recorded after something else, and because of it, has a later time.
  recorded_at timestamptz not null default clock_timestamp(),
  -- Who wrote it, and in which of its batches.
  writer uuid not null,
  batch bigint not null,
  -- The lowest id of its batch, in the batch's row with the highest; null in the others.
  batch_from uuid
) partition by range (id);
create table webhook_deliveries_default partition of webhook_deliveries default;
-- After a rewind many rows of older generations lie above the cursor.
create index on webhook_deliveries (endpoint_id, generation, position);
create index on webhook_deliveries (event_id);
-- These cost nothing where all goes well.
create index on webhook_deliveries (status, id) where status <> 'delivered';
-- For the live tail: an entry a batch, which leads to all rows of it.
create index on webhook_deliveries (writer, batch) where batch_from is not null;
create index on webhook_deliveries (http_status, id) where status <> 'delivered';
create index on webhook_deliveries (endpoint_id, http_status, id) where status <> 'delivered';
-- Finds what failed at an endpoint and was not delivered by a replay since, the newest event first, of all types or of one.
create index on webhook_deliveries (endpoint_id, event_id) where status = 'failed' or origin = 'replay';
create index on webhook_deliveries (endpoint_id, event_type, event_id) where status = 'failed' or origin = 'replay';
-- Replays and tests, of which there are few.
create index on webhook_deliveries (origin, id) where replay_id is not null;
-- For types and statuses that are rare: it tells which few pages may have them. Summarised every 20 seconds.
create index on webhook_deliveries using brin (
  event_type text_bloom_ops (n_distinct_per_range = 32), http_status int4_minmax_multi_ops (values_per_range = 16)
) with (pages_per_range = 16);

-- Events that were given up and told of by an operational event: of two owners that both give the same event up, the second
-- finds it here.
create table webhook_given_up (
  endpoint_id text not null,
  event_id uuid not null,
  generation bigint not null,
  replay_id uuid,
  delivery_id uuid not null,
  recorded_at timestamptz(3) not null default clock_timestamp(),
  unique nulls not distinct (endpoint_id, event_id, generation, replay_id)
);

-- One row for all endpoints together, '*', which no endpoint is called, beside one for each.
create table webhook_endpoint_stats (
  endpoint_id text not null,
  minute timestamptz(0) not null,
  writer uuid not null,
  delivered integer not null,
  failed integer not null,
  gave_up integer not null,
  -- Those that are not empty, as src/policy/latency-histogram.ts writes them: any number of rows put together is read as one.
  latency_buckets bytea not null,
  primary key (endpoint_id, minute, writer)
);

-- How many events waited for an endpoint at the beginning of a minute: a row where that changed since its last one. Of '*',
-- which stands for all of them together, there is a row for each minute that was looked at.
create table webhook_backlog_samples (
  endpoint_id text not null,
  at timestamptz(0) not null,
  backlog integer not null,
  primary key (endpoint_id, at)
);

-- How the newest attempts ended. Written about once a second, so pages keep room for new versions of rows.
create table webhook_endpoint_outcomes (
  endpoint_id text primary key,
  delivered_at timestamptz(3),
  failed_at timestamptz(3),
  error text
) with (fillfactor = 50);
