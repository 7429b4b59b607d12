// The configuration in force and the versions before it, and what is wrong with a reload that was refused.

import type { EntityManager } from '@mikro-orm/postgresql';
import { type ReloadProblem, builder } from './builder.ts';
import { sizeOf } from './connection.ts';
import { ConfigError } from './reload.ts';
import { Service } from './service.ts';

type Version = { version: number; at: Date; added: string[]; changed: string[]; removed: string[] };

const ConfigurationVersion = builder.objectRef<Version>('ConfigurationVersion').implement({
  description: 'What a version changed against the one before, by endpoint id.',
  fields: (t) => ({
    version: t.exposeInt('version', { description: 'Its number. Each reload that was accepted makes a version.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it came into force.' }),
    added: t.exposeIDList('added', { description: 'Ids of endpoints that were new.' }),
    changed: t.exposeIDList('changed', {
      description: 'Ids of endpoints that differed. Not those whose secrets had other values under the same names.',
    }),
    removed: t.exposeIDList('removed', { description: 'Ids of endpoints that were gone.' }),
  }),
});

builder.objectFields(Service, (t) => ({
  configurations: t.field({
    type: [ConfigurationVersion],
    description: 'Versions of the configuration, newest first. The last 1,000 are kept.',
    args: {
      first: t.arg.int({ defaultValue: 20, description: 'How many: 0 to 200.' }),
    },
    resolve: async (_service, { first }, { em }) => await readVersions(em, sizeOf(first ?? 20)),
  }),
  configurationVersion: t.int({
    description: 'Of the configuration in force; 0 while no file was ever accepted.',
    resolve: async (_service, _args, { em }) => (await readInForce(em)).version,
  }),
  configuredAt: t.field({
    type: 'DateTime',
    description: 'When the configuration in force came into force; for version 0, when the tables were made.',
    resolve: async (_service, _args, { em }) => (await readInForce(em)).at,
  }),
  configurationErrors: t.field({
    type: [ConfigError],
    description:
      'What was wrong with the newest reload, on whichever instance; empty when it was accepted. A dry run counts for nothing.',
    resolve: async (_service, _args, { em }) => await readErrors(em),
  }),
}));

async function readVersions(em: EntityManager, first: number): Promise<Version[]> {
  type Row = Omit<Version, 'at'> & { at_ms: number };
  const rows = await em.execute<Row[]>(
    `select version::float8 as version, extract(epoch from created_at)::float8 * 1000 as at_ms,
            changes->'added' as added, changes->'changed' as changed, changes->'removed' as removed
       from webhook_configurations order by webhook_configurations.version desc limit ?`,
    [first],
  );
  return rows.map(({ at_ms: atMs, ...row }) => ({ ...row, at: new Date(atMs) }));
}

async function readInForce(em: EntityManager): Promise<{ version: number; at: Date }> {
  const [row] = await em.execute<[{ version: number; at_ms: number }]>(
    `select h.configuration::float8 as version,
            extract(epoch from coalesce(c.created_at, (select min(executed_at) from tidings_migrations)))::float8 * 1000 as at_ms
       from webhook_log_head h left join webhook_configurations c on c.version = h.configuration`,
  );
  return { version: row.version, at: new Date(row.at_ms) };
}

async function readErrors(em: EntityManager): Promise<readonly ReloadProblem[]> {
  const [row] = await em.execute<{ errors: ReloadProblem[] }[]>('select errors from webhook_refused_reload');
  return row?.errors ?? [];
}
