// The accepted versions of the configuration in Postgres; the log's head says which one is in force.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { assignCursors } from '../cursors/assign-cursors.ts';
import type { EndpointSettings } from '../settings/endpoint.ts';
import { digestOf, readEndpoints, writeEndpoints } from '../settings/stored-endpoints.ts';
import { raiseControls } from './controls.ts';

/** Older versions are forgotten; a file that equals one of them is taken for a new one. */
const keptVersions = 1_000;

export type StoredVersion = {
  /** 0: no file was ever accepted. */
  version: number;
  /** Of its endpoints; empty for version 0. */
  digest: string;
};

export type Acceptance = StoredVersion & {
  /** `stale`: it equals an older version, and `version` is still in force. */
  outcome: 'new' | 'same' | 'stale';
  /** Ids of endpoints that were given a place in the log, or lost it. */
  placed: string[];
};

/**
 * Makes these endpoints the next version, in force from the log's end on. Unless somebody `insists`, not when they are in force
 * already or equal an older version: a reload that changes nothing is a version all the same, as it makes every instance
 * read its secrets again. Run it in a transaction; it locks the log's head. Null: another version came into
 * force meanwhile, and the transaction is to be begun again.
 */
export async function acceptConfiguration(
  em: EntityManager,
  endpoints: readonly EndpointSettings[],
  { insists }: { insists: boolean },
): Promise<Acceptance | null> {
  const content = writeEndpoints(endpoints);
  const digest = digestOf(content);
  // Waits for the changes that were begun under the version that may end (see lockVersion), as long as a replay takes;
  // nothing can be numbered while the head is locked, so that comes after.
  const under = await versionInForce(em);
  await em.execute('select 1 from webhook_configurations where version = ? for update', [under]);
  const [head] = await em.execute<[{ position: number; version: number }]>(
    'select position::float8 as position, configuration::float8 as version from webhook_log_head for update',
  );
  if (head.version !== under) return null;
  // A statement of its own, after the lock: the last holder's version is in its snapshot.
  const equal = await em.execute<{ version: number }[]>(
    'select version::float8 as version from webhook_configurations where digest = ?',
    [digest],
  );
  if (!insists && equal.some(({ version }) => version === head.version)) {
    return { outcome: 'same', version: head.version, digest, placed: [] };
  }
  if (!insists && equal.length > 0) return { outcome: 'stale', version: head.version, digest: '', placed: [] };

  const before = await placedEndpoints(em);
  await assignCursors(em, endpoints);
  const after = await placedEndpoints(em);
  const version = head.version + 1;
  await em.execute('insert into webhook_configurations (version, digest, content, since) values (?, ?, ?, ?)', [
    version,
    digest,
    content,
    head.position,
  ]);
  await em.execute('update webhook_log_head set configuration = ?', [version]);
  await em.execute('delete from webhook_configurations where version <= ?', [version - keptVersions]);
  const placed = [...before.symmetricDifference(after)].toSorted();
  await raiseControls(em, placed);
  return { outcome: 'new', version, digest, placed };
}

/**
 * Keeps a version in force until the transaction ends; false when it is in force no longer. What belongs to an endpoint is
 * changed under it, so that nothing is left behind for one that was removed meanwhile.
 */
export async function lockVersion(em: EntityManager, version: number): Promise<boolean> {
  await em.execute('select 1 from webhook_configurations where version = ? for key share', [version]);
  // A statement of its own, after the lock: whoever held it may have ended the version.
  return (await versionInForce(em)) === version;
}

/** The version in force; `endpoints` is null when it is the one that is known. */
export async function readVersionInForce(
  orm: MikroORM,
  known: StoredVersion,
): Promise<StoredVersion & { endpoints: EndpointSettings[] | null }> {
  const [row] = await orm.em.fork().execute<[{ version: number; digest: string; content: string | null }]>(
    `select h.configuration::float8 as version, coalesce(c.digest, '') as digest,
            case when h.configuration <> ? or c.digest <> ? then c.content end as content
       from webhook_log_head h left join webhook_configurations c on c.version = h.configuration`,
    [known.version, known.digest],
  );
  const { version, digest, content } = row;
  if (version === known.version && digest === known.digest) return { ...known, endpoints: null };
  return { version, digest, endpoints: content === null ? [] : readEndpoints(content) };
}

async function versionInForce(em: EntityManager): Promise<number> {
  const [head] = await em.execute<[{ version: number }]>(
    'select configuration::float8 as version from webhook_log_head',
  );
  return head.version;
}

async function placedEndpoints(em: EntityManager): Promise<Set<string>> {
  const rows = await em.execute<{ id: string }[]>(
    'select endpoint_id as id from webhook_cursors where position is not null',
  );
  return new Set(rows.map(({ id }) => id));
}
