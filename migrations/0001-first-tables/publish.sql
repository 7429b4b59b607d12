-- Publishing by SQL: records an event in the caller's transaction, by the rules of src/outbox/publication.ts.
--
-- The functions run as their owner, in a session whose settings are the caller's. So every table is named with its schema and
-- all else is found in pg_catalog; no text here has a backslash outside of E'…', whatever standard_conforming_strings says; no
-- result depends on a time zone; and nothing is compared by a collation that came with an argument.

-- As JavaScript counts: a character beyond U+FFFF is two.
create function @schema@.utf16_length(value text) returns integer
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select char_length(value) + regexp_count(value, E'[\U00010000-\U0010ffff]') $$;

-- Whether a JSON text nests more than so many objects and arrays in each other. It takes the innermost ones away, level by
-- level, so its time grows with the brackets alone.
create function @schema@.is_deeper_than(levels integer, document text) returns boolean
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
  -- Without escapes each quotation mark begins or ends a string, and every other piece is outside of one.
  outside constant text := (
    select string_agg(piece, '' order by place) from unnest(string_to_array(
      replace(replace(document, E'\\\\', ''), E'\\"', ''), '"')) with ordinality as pieces (piece, place)
    where place % 2 = 1);
  brackets text := translate(outside, E'{}:, \t\n\r+-.0123456789Eaeflnrstu', '[]');
begin
  for level in 1 .. levels loop
    exit when brackets = '';
    brackets := replace(brackets, '[]', '');
  end loop;
  return brackets <> '';
end $$;

-- Whether an escape in a JSON text is one half of a surrogate pair without the other.
create function @schema@.has_lone_surrogate(document text) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(replace(document, E'\\\\', '/'), E'\\\\u[dD][89abAB]..\\\\u[dD][c-fC-F]..', '', 'g') ~ E'\\\\u[dD][89a-fA-F]'
$$;

create function @schema@.publish(type text, data json, subject text default null, idempotency_key text default null)
returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  event_type constant text collate "default" := coalesce(publish.type, '');
  about constant text collate "default" := publish.subject;
  given_key constant text collate "default" := publish.idempotency_key;
  written constant text collate "default" := publish.data;
  made_at constant timestamptz := clock_timestamp();
  micros constant bigint := date_part('epoch', made_at) * 1000000;
  -- UUIDv7 (RFC 9562, section 6.2, method 3): what is made a microsecond later sorts later.
  new_id constant uuid := lpad(to_hex(micros / 1000), 12, '0') || to_hex(28672 + micros % 1000 * 4096 / 1000)
    || right(gen_random_uuid()::text, 17);
  tail constant text collate "default" := ',"data":' || written || '}';
  -- W3C trace context of the caller's work, where it has said so: set_config('tidings.traceparent', …, true).
  trace constant text collate "default" := substring(current_setting('tidings.traceparent', true)
    from '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$');
  first record;
  problem text := case
    when octet_length(event_type) > 128 and @schema@.utf16_length(event_type) > 128
      then 'type: is longer than 128 characters'
    when event_type !~ '^[a-z0-9_]+([.][a-z0-9_]+)+$'
      then 'type: must be words of a-z, 0-9 and _ joined by dots, as in order.paid'
    when event_type ~ '^(user|webhook)[.]'
      then 'type: types that begin with user. or webhook. are the system’s own'
    when data is null or json_typeof(data) <> 'object'
      then 'data: must be an object'
    when octet_length(written) > 262144
      then 'data: is larger than 256 KiB'
    -- What opens 100 brackets or less is no deeper.
    when octet_length(written) > 200
      and octet_length(written) - octet_length(replace(replace(written, '{', ''), '[', '')) > 100
      and @schema@.is_deeper_than(100, written)
      then 'data: is nested more than 100 levels deep'
    when position(E'\\u' in written) > 0 and @schema@.has_lone_surrogate(written)
      then 'data: holds half of a surrogate pair, which some parsers refuse'
    when octet_length(about) > 512 and @schema@.utf16_length(about) > 512
      then 'subject: is longer than 512 characters'
    when given_key = ''
      then 'idempotency_key: is empty'
    when octet_length(given_key) > 255 and @schema@.utf16_length(given_key) > 255
      then 'idempotency_key: is longer than 255 characters'
  end;
begin
  if problem is not null then
    raise exception using errcode = '22023', message = problem || '.';
  end if;

  if given_key is not null then
    -- As in src/outbox/idempotency.ts.
    insert into @schema@.webhook_idempotency_keys as held (key, event_id) values (given_key, new_id)
      on conflict (key) do update set event_id = excluded.event_id, created_at = excluded.created_at
      where held.created_at <= clock_timestamp() - interval '24 hours';
    if not found then
      -- A statement of its own, because only a new snapshot shows the holder that the one above waited for.
      select e.id, e.type, e.subject, e.payload into first from @schema@.webhook_events e
        where e.id = (select k.event_id from @schema@.webhook_idempotency_keys k where k.key = given_key);
      if not found then
        update @schema@.webhook_idempotency_keys k set event_id = new_id, created_at = clock_timestamp()
          where k.key = given_key;
      elsif first.type = event_type and first.subject is not distinct from about
        and substr(first.payload, position(',"data":' in first.payload)) = tail then
        return first.id;
      else
        raise exception using errcode = '22023', message =
          'idempotency_key: was used within a day for another type, subject or data. Use a new key.';
      end if;
    end if;
  end if;

  insert into @schema@.webhook_events (id, type, subject, payload, traceparent, created_at) values (new_id, event_type, about,
    '{"event_id":"' || new_id || '","event_type":"' || event_type || '","timestamp":"'
      || to_char(made_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"' || tail,
    trace, date_trunc('milliseconds', made_at));
  insert into @schema@.webhook_outbox (event_id) values (new_id);
  return new_id;
end $$;

revoke execute on function @schema@.utf16_length(text), @schema@.is_deeper_than(integer, text),
  @schema@.has_lone_surrogate(text), @schema@.publish(text, json, text, text) from public;
