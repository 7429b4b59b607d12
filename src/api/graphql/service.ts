// The service as a whole: its instances, its log, and whether Valkey is there.

import type { EntityManager } from '@mikro-orm/postgresql';
import { relayLease } from '../../policy/shards.ts';
import { builder } from './builder.ts';

type Instance = {
  id: string;
  name: string;
  seenAt: Date;
  shards: number;
  relay: boolean;
  standsAside: string | null;
  version: string;
};

const ServiceInstance = builder.objectRef<Instance>('ServiceInstance').implement({
  description: 'One process of the service.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Of this run of it: after a restart it is another one.' }),
    name: t.exposeString('name', { description: 'Where it runs, as HOST:PID.' }),
    seenAt: t.expose('seenAt', {
      type: 'DateTime',
      description: 'Its last heartbeat, by the clock of the database. One comes each second.',
    }),
    shards: t.exposeInt('shards', {
      description: 'How many of the 64 shards, into which the endpoints are spread, it serves.',
    }),
    relay: t.exposeBoolean('relay', { description: 'Whether it is the one that gives events their positions.' }),
    standsAside: t.exposeString('standsAside', {
      nullable: true,
      description: 'Why it serves no endpoint, in a sentence; null when nothing keeps it from that.',
    }),
    version: t.exposeString('version', { description: 'Of its program.' }),
  }),
});

/** It has no value: each field is looked up by itself. */
export const Service = builder.objectRef<object>('Service').implement({
  description: 'How the service as a whole stands. Every instance answers the same, but for `version` and `valkey`.',
  fields: (t) => ({
    version: t.string({
      description: 'Of the program that answers.',
      resolve: (_service, _args, { version }) => version,
    }),
    instances: t.field({
      type: [ServiceInstance],
      description:
        'Those that run, by name. One that was killed is among them for some seconds, until the others notice.',
      resolve: async (_service, _args, { em }) => await readInstances(em),
    }),
    position: t.string({
      description: "The log's last position.",
      resolve: async (_service, _args, { em }) => await readPosition(em),
    }),
    unnumbered: t.int({
      description: 'Committed events that have no position yet.',
      resolve: async (_service, _args, { em }) => await countUnnumbered(em),
    }),
    valkey: t.boolean({
      description: 'Whether Valkey serves the instance that answers. Without it events flow through Postgres alone.',
      resolve: async (_service, _args, { readiness }) => (await readiness()).checks['valkey']?.ok === true,
    }),
  }),
});

builder.queryFields((t) => ({
  service: t.field({
    type: Service,
    nullable: true,
    description: 'Admin. How the service as a whole stands.',
    resolve: () => ({}),
  }),
}));

async function readInstances(em: EntityManager): Promise<Instance[]> {
  type Row = Omit<Instance, 'seenAt'> & { seen_ms: number };
  const rows = await em.execute<Row[]>(
    `select i.id, i.name, extract(epoch from i.seen_at)::float8 * 1000 as seen_ms, i.stands_aside as "standsAside", i.version,
            count(l.lease) filter (where l.lease <> ${relayLease})::int as shards,
            count(l.lease) filter (where l.lease = ${relayLease}) > 0 as relay
       from webhook_instances i left join webhook_leases l on l.owner = i.id
      group by i.id order by i.name, i.id`,
  );
  return rows.map(({ seen_ms: seenMs, ...row }) => ({ ...row, seenAt: new Date(seenMs) }));
}

async function readPosition(em: EntityManager): Promise<string> {
  const [head] = await em.execute<[{ position: string }]>('select position::text as position from webhook_log_head');
  return head.position;
}

async function countUnnumbered(em: EntityManager): Promise<number> {
  const [row] = await em.execute<[{ events: number }]>('select count(*)::int as events from webhook_outbox');
  return row.events;
}
