-- What several instances on one database share: leases, and versions of the configuration.

-- Shards 0 to 63 and the relay. A lease without an owner may be taken by anybody.
create table webhook_leases (
  lease smallint primary key,
  owner uuid,
  epoch bigint not null default 0,
  beat bigint not null default 0
) with (fillfactor = 50);
insert into webhook_leases (lease) select generate_series(0, 64);

create table webhook_instances (
  id uuid primary key,
  name text not null,
  beat bigint not null,
  -- Why it serves no endpoint; null: it does.
  stands_aside text,
  -- Of the program.
  version text not null,
  seen_at timestamptz(3) not null default clock_timestamp()
);

-- Not in the lease's row: whoever changes an endpoint would hold up the renewal of its lease.
create table webhook_controls (
  shard smallint primary key,
  version bigint not null default 0
);
insert into webhook_controls (shard) select generate_series(0, 63);

create table webhook_configurations (
  version bigint primary key,
  digest text not null,
  content text not null,
  since bigint not null,
  -- Ids of the endpoints that it added, changed and removed against the one before.
  changes jsonb not null default '{"added": [], "changed": [], "removed": []}',
  created_at timestamptz(3) not null default clock_timestamp()
);

-- What was wrong with the newest reload, while that was refused.
create table webhook_refused_reload (
  id smallint primary key default 1 check (id = 1),
  errors jsonb not null,
  refused_at timestamptz(3) not null default clock_timestamp()
);
