// The accepted versions of the configuration in Postgres; the log's head names the one in force.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { assignCursors } from '../cursors/assign-cursors.ts';
import type { EndpointSettings } from '../settings/endpoint.ts';
import { type StoredEndpoints, digestOf, readEndpoints, writeEndpoints } from '../settings/stored-endpoints.ts';
import {
  type ConfigurationChanges,
  type DroppedBacklog,
  changesBetween,
  droppedBacklogs,
} from './configuration-changes.ts';
import { raiseControlVersions } from './control-versions.ts';
import { forgetRefusal } from './refused-reloads.ts';

/** Older versions are deleted; a file that equals a deleted one counts as new. */
const keptVersions = 1_000;

export type StoredVersion = {
  /** 0: no file was ever accepted. */
  version: number;
  /** Of its endpoints; empty for version 0. */
  digest: string;
};

export type Acceptance =
  | (StoredVersion & {
      outcome: 'new';
      /** Ids of endpoints that were given a position in the log, or lost it. */
      repositioned: string[];
      changes: ConfigurationChanges;
      dropped: DroppedBacklog[];
    })
  /** It equals the version in force, or an older one: nothing has changed. */
  | (StoredVersion & { outcome: 'same' | 'stale' })
  /** It would drop these. */
  | { outcome: 'refused'; dropped: DroppedBacklog[] };

/**
 * Makes these endpoints the next version, in force from the log's end on; without `insists` only when they differ from
 * the version in force and from every older one. A reload insists: even when it changes nothing, it is a new version,
 * so that every instance reads its secrets again. Without `mayDrop` it is refused when it removes or disables an endpoint
 * that has still something to get. Run it in a transaction; it locks the log's head. Null: another version came into force
 * meanwhile; begin the transaction again.
 */
export async function acceptConfiguration(
  em: EntityManager,
  endpoints: readonly EndpointSettings[],
  { insists, mayDrop }: { insists: boolean; mayDrop: boolean },
): Promise<Acceptance | null> {
  const content = writeEndpoints(endpoints);
  const digest = digestOf(content);
  // Waits for changes that began under the present version (see lockVersion), which can take as long as a replay. The
  // head is locked only afterwards, because while it is locked no event gets a position.
  const under = await versionInForce(em);
  const [inForce] = await em.execute<{ content: string }[]>(
    'select content from webhook_configurations where version = ? for update',
    [under],
  );
  const before = inForce ? endpointsIn(inForce.content) : [];
  const refuses = (drops: readonly DroppedBacklog[]) => !mayDrop && drops.length > 0;
  let dropped = await droppedBacklogs(em, before, endpoints);
  if (refuses(dropped)) return { outcome: 'refused', dropped };
  const [head] = await em.execute<[{ position: number; version: number }]>(
    'select position::float8 as position, configuration::float8 as version from webhook_log_head for update',
  );
  if (head.version !== under) return null;
  // A separate statement after the lock, so that its snapshot has the version of the last holder.
  const equal = await em.execute<{ version: number }[]>(
    'select version::float8 as version from webhook_configurations where digest = ?',
    [digest],
  );
  if (!insists && equal.some(({ version }) => version === head.version)) {
    return { outcome: 'same', version: head.version, digest };
  }
  if (!insists && equal.length > 0) return { outcome: 'stale', version: head.version, digest: '' };
  // Once more: what was committed since is for them, too.
  if (!mayDrop) dropped = await droppedBacklogs(em, before, endpoints);
  if (refuses(dropped)) return { outcome: 'refused', dropped };

  const positioned = await positionedEndpoints(em);
  await assignCursors(em, endpoints);
  const after = await positionedEndpoints(em);
  const version = head.version + 1;
  const changes = changesBetween(before, endpointsIn(content));
  await em.execute(
    'insert into webhook_configurations (version, digest, content, since, changes) values (?, ?, ?, ?, ?::jsonb)',
    [version, digest, content, head.position, JSON.stringify(changes)],
  );
  await em.execute('update webhook_log_head set configuration = ?', [version]);
  await em.execute('delete from webhook_configurations where version <= ?', [version - keptVersions]);
  const repositioned = [...positioned.symmetricDifference(after)].toSorted();
  await raiseControlVersions(em, repositioned);
  await forgetRefusal(em);
  return { outcome: 'new', version, digest, repositioned, changes, dropped };
}

/**
 * Keeps a version in force until the transaction ends; false when it is no longer in force. Rows of an endpoint are
 * changed under this lock, so that no row is left of an endpoint that was removed meanwhile.
 */
export async function lockVersion(em: EntityManager, version: number): Promise<boolean> {
  await em.execute('select 1 from webhook_configurations where version = ? for key share', [version]);
  // A separate statement after the lock: the last holder may have replaced the version.
  return (await versionInForce(em)) === version;
}

/** The version in force; `stored` is null when it is `known`. */
export async function readVersionInForce(
  orm: MikroORM,
  known: StoredVersion,
): Promise<StoredVersion & { stored: StoredEndpoints | null }> {
  const [row] = await orm.em.fork().execute<[{ version: number; digest: string; content: string | null }]>(
    `select h.configuration::float8 as version, coalesce(c.digest, '') as digest,
            case when h.configuration <> ? or c.digest <> ? then c.content end as content
       from webhook_log_head h left join webhook_configurations c on c.version = h.configuration`,
    [known.version, known.digest],
  );
  const { version, digest, content } = row;
  if (version === known.version && digest === known.digest) return { ...known, stored: null };
  return { version, digest, stored: content === null ? { endpoints: [] } : readEndpoints(content) };
}

/** None of a version that cannot be read, so that it can be replaced. */
function endpointsIn(content: string): EndpointSettings[] {
  const read = readEndpoints(content);
  return 'endpoints' in read ? read.endpoints : [];
}

async function versionInForce(em: EntityManager): Promise<number> {
  const [head] = await em.execute<[{ version: number }]>(
    'select configuration::float8 as version from webhook_log_head',
  );
  return head.version;
}

async function positionedEndpoints(em: EntityManager): Promise<Set<string>> {
  const rows = await em.execute<{ id: string }[]>(
    'select endpoint_id as id from webhook_cursors where position is not null',
  );
  return new Set(rows.map(({ id }) => id));
}
