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
  created_at timestamptz(3) not null default clock_timestamp()
);
