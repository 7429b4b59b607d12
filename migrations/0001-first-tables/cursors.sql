-- Each endpoint's place in the log.

create sequence webhook_generations;

create table webhook_cursors (
  endpoint_id text primary key,
  -- The random digits tell it from the same number given again by a restored database.
  generation bigint not null default nextval('webhook_generations') * 1000000 + floor(random() * 1000000)::bigint,
  position bigint,
  since bigint not null default 0,
  examined bigint not null default 0,
  filter text not null default '',
  backlog integer not null default 0,
  previous bigint not null default 0,
  resumes integer not null default 0,
  pause_reason text check (pause_reason in ('admin', 'gone', 'exhausted', 'failing')),
  paused_at timestamptz(3),
  -- Its first event has failed three times, and its line is blocked since; and how often that has changed.
  failing boolean not null default false,
  failing_changes integer not null default 0,
  -- Since then every attempt has failed.
  failing_since timestamptz(3),
  owner uuid,
  owner_epoch bigint,
  -- The number of the last load of its owner: an older load that is late finds it, and does nothing.
  load bigint not null default 0,
  updated_at timestamptz(3) not null default clock_timestamp()
);

-- Replays and tests: delivered beside the line, and gone when their last attempt is recorded.
create table webhook_replays (
  id uuid primary key,
  endpoint_id text not null,
  event_id uuid not null,
  -- Of the event; null for a test, which is stored before it has one.
  position bigint,
  origin text not null check (origin in ('replay', 'test')),
  unique (endpoint_id, event_id)
);
-- In the order in which they are read: tests first.
create index on webhook_replays (endpoint_id, origin desc, id);

-- What admins want of blocked lines, for a few seconds each. Only the endpoint's owner writes an outcome, together with the
-- effect. Whoever asked deletes the row: before there is an outcome, that withdraws the order.
create table webhook_orders (
  id uuid primary key,
  endpoint_id text not null,
  kind text not null check (kind in ('retry', 'skip')),
  -- The event to skip; null for a retry, which is about the line.
  event_id uuid check ((event_id is null) = (kind = 'retry')),
  asked_at timestamptz(3) not null default clock_timestamp(),
  outcome text
);
create index on webhook_orders (endpoint_id);
