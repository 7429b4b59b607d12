// Attempts and backlog over time, of one endpoint or of all.

import { allEndpoints } from '../../model/endpoint-stats.ts';
import { Refusal } from '../../policy/refusal.ts';
import { builder } from './builder.ts';
import { canMatch } from './can-match.ts';
import { type StatsBucket, bucketsBetween, readBuckets } from './stats-buckets.ts';

/** Also the most that a list of them has. */
const mostBuckets = 500;
const usualBuckets = 60;

const WebhookStatsBucket = builder.objectRef<StatsBucket>('WebhookStatsBucket').implement({
  description:
    "What happened in some whole minutes. `failed` counts last attempts, `retrying` the other failed ones; `backlog` is that at the bucket's end. A skipped event is in none of them, since nothing was sent.",
  fields: (t) => ({
    start: t.expose('start', { type: 'DateTime', description: 'When it begins: at the beginning of a minute.' }),
    attempts: t.int({
      description: 'All attempts that began in it.',
      resolve: ({ delivered, failed, retrying }) => delivered + failed + retrying,
    }),
    delivered: t.exposeInt('delivered', { description: 'Those that were answered 2xx.' }),
    failed: t.exposeInt('failed', { description: 'Those that failed and were the last: their events were given up.' }),
    retrying: t.exposeInt('retrying', { description: 'Those that failed and were followed by another.' }),
    backlog: t.exposeInt('backlog', {
      nullable: true,
      description:
        'How many events waited at its end, of each endpoint at most 10,000: within a minute, and now for the bucket that is not over. Null where it is not known, as while no instance ran, and in the future.',
    }),
    latencyP50Ms: t.exposeFloat('latencyP50Ms', {
      nullable: true,
      description: 'Half of the attempts took at most this many milliseconds, within 5 %; null without attempts.',
    }),
    latencyP95Ms: t.exposeFloat('latencyP95Ms', { nullable: true, description: 'The same for 95 of 100.' }),
    latencyP99Ms: t.exposeFloat('latencyP99Ms', { nullable: true, description: 'The same for 99 of 100.' }),
  }),
});

builder.queryFields((t) => ({
  webhookStats: t.field({
    type: [WebhookStatsBucket],
    nullable: true,
    description:
      'Admin. Attempts over time, of one endpoint or of all: equal buckets of whole minutes, at most 500, from the minute of `since` to the bucket that holds the moment before `until`. Kept as long as DELIVERY_RETENTION, and for eight days at least. Null for an endpoint that is not configured and was sent nothing as far back as that.',
    args: {
      endpointId: t.arg.id({ description: 'Only of this endpoint, also one that is no longer configured.' }),
      since: t.arg({ type: 'DateTime', required: true, description: 'Where the first bucket begins, at its minute.' }),
      until: t.arg({ type: 'DateTime', description: 'Where they end: now when absent. What is to come is empty.' }),
      buckets: t.arg.int({
        defaultValue: usualBuckets,
        description:
          'In how many parts the time is cut, 1 to 500: the fewest minutes that suffice are in each. Where `since` is within a minute there can be one bucket more.',
      }),
    },
    resolve: async (_root, { endpointId, since, until, buckets: wanted }, { em, endpoints }) => {
      const now = new Date();
      const buckets = bucketsBetween(since, until ?? now, {
        wanted: partsOf(wanted ?? usualBuckets),
        most: mostBuckets,
      });
      const isOfAll = typeof endpointId !== 'string';
      if (!isOfAll && (!canMatch(endpointId) || endpointId === allEndpoints)) return null;
      const mayBeUnknown = !isOfAll && !endpoints.inForce().some(({ id }) => id === endpointId);
      return await readBuckets(em, { endpointId: isOfAll ? null : endpointId, mayBeUnknown, buckets, now });
    },
  }),
}));

function partsOf(wanted: number): number {
  if (wanted >= 1 && wanted <= mostBuckets) return wanted;
  throw new Refusal('BAD_USER_INPUT', `buckets is ${wanted}; it must be 1 to ${mostBuckets}.`, 'buckets');
}
