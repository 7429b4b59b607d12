-- Users, and how they sign in.

create table users (
  id uuid primary key,
  -- A provider need not tell an address.
  email text,
  display_name text,
  avatar_url text,
  role text not null check (role in ('USER', 'ADMIN')),
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  search_text text not null default ''
);

-- Only where it can be had: else a search reads the table. Under the locale C a trigram has no letter but ASCII's.
do $$
declare
  home text;
  knows_letters boolean;
begin
  -- Not in this schema: whoever drops it would drop the extension, and with it the indexes of all others that use it.
  begin
    create extension if not exists pg_trgm schema public;
  exception when unique_violation or duplicate_object then
    null; -- Somebody else has just made it.
  end;
  select n.nspname into home from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  execute format('select cardinality(%I.show_trgm(''é'')) > 0', home) into knows_letters;
  if knows_letters then
    execute format('create index users_search_text on users using gin (search_text %I.gin_trgm_ops)', home);
  end if;
exception when others then
  raise notice 'no index for searches, for pg_trgm cannot be used: %', sqlerrm;
end $$;

create table oauth_accounts (
  provider text not null,
  subject text not null,
  user_id uuid not null references users (id) on delete cascade,
  linked_at timestamptz(3) not null,
  primary key (provider, subject),
  unique (user_id, provider)
);

create table sessions (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  provider text,
  created_at timestamptz(3) not null,
  last_seen_at timestamptz(3) not null,
  expires_at timestamptz(3) not null
);
create index on sessions (user_id);

-- A state is sealed and carries itself; only that it was used must be known, for as long as it would be valid.
create table oauth_used_states (
  id uuid primary key,
  used_at timestamptz(3) not null default clock_timestamp()
);

-- A code is known to nobody but whom it was given to.
create table oauth_invitations (
  code_digest text primary key,
  provider text not null,
  user_id uuid not null references users (id) on delete cascade,
  redirect_to text,
  expires_at timestamptz(3) not null,
  used_at timestamptz(3)
);
create index on oauth_invitations (user_id);
