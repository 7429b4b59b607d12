// Endpoints: their configuration, their state, and pause and resume.

import { givesUpAfterMs } from '../../policy/retry.ts';
import { durationText } from '../../settings/duration.ts';
import { formOf } from '../../settings/endpoint-form.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import { BlockedLine, BlockedLineConnection, pageOfLines } from './blocked-line.ts';
import { builder } from './builder.ts';
import { largestSize } from './connection.ts';
import { WebhookDeliveryStatus } from './delivery-enums.ts';
import type { Statistics, Window } from './endpoint-statistics.ts';
import { listEndpoints } from './endpoint-list.ts';
import { stateNameOf } from './endpoint-state.ts';
import { endpointById } from './endpoints.ts';
import { WebhookDeliveryConnection, connectDeliveries } from './webhook-delivery.ts';
import { WebhookDeliveryRef } from './webhook-event.ts';

const WebhookOrdering = builder.enumType('WebhookOrdering', {
  description: 'What waits for what.',
  values: {
    ENDPOINT: { value: 'endpoint', description: 'Events go one at a time, in log order.' },
    SUBJECT: { value: 'subject', description: 'The same for each subject. No endpoint can be configured so yet.' },
    NONE: { value: 'none', description: 'Nothing waits. No endpoint can be configured so yet.' },
  },
});

const WebhookEndpointState = builder.enumType('WebhookEndpointState', {
  description: 'The state of an endpoint.',
  values: {
    ACTIVE: { description: 'It is sent what comes, also when nothing does.' },
    RETRYING: { description: 'It has a blocked line: its first unsettled event has a failed attempt.' },
    PAUSED: { description: 'Nothing is sent until it is resumed; it keeps its position. See pauseReason.' },
    DISABLED: { description: '`enabled` is false: nothing is sent and no position is kept.' },
  },
});

const WebhookPauseReason = builder.enumType('WebhookPauseReason', {
  description: 'Why an endpoint is paused.',
  values: {
    ADMIN: { value: 'admin', description: 'An admin paused it.' },
    GONE: { value: 'gone', description: 'It answered 410.' },
    EXHAUSTED: { value: 'exhausted', description: 'An event had its last attempt, and `on_exhausted` is hold.' },
    FAILING: { value: 'failing', description: 'Every attempt has failed for `pause_after`.' },
  },
});

const WebhookStatsWindow = builder.enumType('WebhookStatsWindow', {
  description: 'How far back statistics go.',
  values: {
    HOUR: { description: 'The last 60 minutes.' },
    DAY: { description: 'The last 24 hours.' },
    WEEK: { description: 'The last 7 days.' },
  } satisfies Record<Window, object>,
});

const WebhookEndpointStats = builder.objectRef<Statistics>('WebhookEndpointStats').implement({
  description: 'How the attempts went.',
  fields: (t) => ({
    attempts: t.int({ description: 'All attempts.', resolve: ({ delivered, failed }) => delivered + failed }),
    delivered: t.exposeInt('delivered', { description: 'Attempts that were answered 2xx.' }),
    failed: t.exposeInt('failed', { description: 'Attempts that failed, whether another followed or not.' }),
    gaveUp: t.exposeInt('gaveUp', { description: 'Events whose retries were spent: they were given up.' }),
    latencyP50Ms: t.exposeFloat('latencyP50Ms', {
      nullable: true,
      description: 'Half of the attempts took at most this many milliseconds, within 5 %; null without attempts.',
    }),
    latencyP95Ms: t.exposeFloat('latencyP95Ms', { nullable: true, description: 'The same for 95 of 100.' }),
    latencyP99Ms: t.exposeFloat('latencyP99Ms', { nullable: true, description: 'The same for 99 of 100.' }),
  }),
});

const noAttempts: Statistics = {
  ...{ delivered: 0, failed: 0, gaveUp: 0 },
  ...{ latencyP50Ms: null, latencyP95Ms: null, latencyP99Ms: null },
};

export const WebhookEndpoint = builder.objectRef<Endpoint>('WebhookEndpoint').implement({
  description: 'A receiver of webhooks, from config/webhooks.yaml.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its id in the file.' }),
    url: t.exposeString('url', { description: 'Where events are sent.' }),
    events: t.stringList({
      description: 'Types it subscribed to; `*` matches any run of characters.',
      resolve: ({ events }) => [...events],
    }),
    enabled: t.exposeBoolean('enabled', { description: 'Whether the file enables it.' }),
    description: t.exposeString('description', { nullable: true, description: 'What the file says it is.' }),
    ordering: t.expose('ordering', { type: WebhookOrdering, description: 'What waits for what.' }),
    maxRetries: t.exposeInt('maxRetries', { description: 'Attempts after the first one.' }),
    state: t.field({
      type: WebhookEndpointState,
      description:
        'DISABLED: enabled is false. PAUSED: see pauseReason. RETRYING: it has a blocked line (its first unsettled event has a failed attempt). ACTIVE: else, also when idle. Read from the database, so every instance says the same.',
      resolve: async (endpoint, _args, { loaders }) => {
        return stateNameOf(endpoint, endpoint.enabled ? await loaders.endpointState.load(endpoint) : undefined);
      },
    }),
    pauseReason: t.field({
      type: WebhookPauseReason,
      nullable: true,
      description: 'Why it is paused; null when it is not.',
      resolve: async (endpoint, _args, { loaders }) => (await loaders.endpointState.load(endpoint))?.pauseReason,
    }),
    pausedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when it is paused; null when it is not.',
      resolve: async (endpoint, _args, { loaders }) => (await loaders.endpointState.load(endpoint))?.pausedAt,
    }),
    backlog: t.int({
      description:
        'Committed events for this endpoint after its position, by its present filter, not yet delivered or failed; 0 when disabled. Exact to 10,000; above, 10,000.',
      resolve: async (endpoint, _args, { loaders }) =>
        endpoint.enabled ? ((await loaders.backlog.load(endpoint)) ?? 0) : 0,
    }),
    oldestUnsettledAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the first unsettled event was recorded; null without a backlog.',
      resolve: async (endpoint, _args, { loaders }) => {
        if (!endpoint.enabled || !(await loaders.backlog.load(endpoint))) return null;
        return await loaders.oldestUnsettledAt.load(endpoint);
      },
    }),
    nextAttemptAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the next attempt is due, while it waits for one.',
      resolve: async (endpoint, _args, { loaders }) =>
        endpoint.enabled ? (await loaders.endpointState.load(endpoint))?.nextAttemptAt : null,
    }),
    lastError: t.string({
      nullable: true,
      description: "The last failed attempt's message; null again once an attempt after it was delivered.",
      resolve: async (endpoint, _args, { loaders }) =>
        (await loaders.endpointState.load(endpoint))?.lastFailure?.message,
    }),
    lastErrorAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When that attempt ended; null again once an attempt after it was delivered.',
      resolve: async (endpoint, _args, { loaders }) => (await loaders.endpointState.load(endpoint))?.lastFailure?.at,
    }),
    lastDeliveredAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the last attempt that was delivered ended.',
      resolve: async (endpoint, _args, { loaders }) => (await loaders.endpointState.load(endpoint))?.lastDeliveredAt,
    }),
    position: t.string({
      description: 'Everything up to here is settled for it. "0" while it is disabled, as no position is kept then.',
      resolve: async (endpoint, _args, { loaders }) =>
        String((await loaders.endpointState.load(endpoint))?.position ?? 0),
    }),
    givesUpAfter: t.string({
      nullable: true,
      description:
        'The time from a first attempt to giving up, as in 5m10s: all waits of its settings together, without what the attempts themselves take and without Retry-After. Null where it never gives up: with on_exhausted: hold.',
      resolve: (endpoint) => (endpoint.onExhausted === 'hold' ? null : durationText(givesUpAfterMs(endpoint))),
    }),
    rateLimit: t.string({
      nullable: true,
      description: 'How many requests may begin within a second, minute or hour. No endpoint can be configured so yet.',
      resolve: () => null,
    }),
    configuration: t.field({
      type: 'JSON',
      description:
        'As in force, with the keys of the file and defaults filled in. It has the names of secrets and never a value.',
      resolve: (endpoint) => formOf(endpoint),
    }),
    pendingReplays: t.int({
      description: 'Replays that still wait, one that is being sent included.',
      resolve: async (endpoint, _args, { loaders }) => (await loaders.pendingReplays.load(endpoint)) ?? 0,
    }),
    owner: t.string({
      nullable: true,
      description:
        'The instance that serves it now, as HOST:PID; null when none does. Of one that was killed it is known after a few seconds.',
      resolve: async (endpoint, _args, { loaders }) => (endpoint.enabled ? await loaders.owner.load(endpoint) : null),
    }),
    blocked: t.connection(
      {
        type: BlockedLine,
        description:
          'Lines that wait for a retry or are held, longest blocked first. With ordering ENDPOINT there is one line. While one is listed the endpoint is RETRYING, unless it is PAUSED or DISABLED.',
        resolve: async (endpoint, args, { loaders }) =>
          await pageOfLines(args, endpoint.enabled ? ((await loaders.blocked.load(endpoint)) ?? []) : []),
      },
      BlockedLineConnection,
    ),
    stats: t.field({
      type: WebhookEndpointStats,
      description: 'How the attempts of the last hour, day or week went.',
      args: { window: t.arg({ type: WebhookStatsWindow, defaultValue: 'HOUR', description: 'How far back.' }) },
      resolve: async (endpoint, { window }, { loaders }) =>
        (await loaders.statistics[window ?? 'HOUR'].load(endpoint)) ?? noAttempts,
    }),
    deliveries: t.connection(
      {
        type: WebhookDeliveryRef,
        description: 'Attempts to deliver to it, newest first.',
        args: { status: t.arg({ type: WebhookDeliveryStatus, description: 'Only those that ended like this.' }) },
        resolve: async ({ id }, args, { em }) =>
          await connectDeliveries(em, args, { endpointId: id, status: args.status }),
      },
      WebhookDeliveryConnection,
    ),
  }),
});

builder.queryFields((t) => ({
  webhookEndpoints: t.field({
    type: [WebhookEndpoint],
    nullable: true,
    description: 'Admin. Endpoints of the configuration in force, by id: at most 200 at once, those after `after`.',
    args: {
      search: t.arg.string({ description: 'A part of the id, the URL or the description, in any case of any script.' }),
      states: t.arg({ type: [WebhookEndpointState], description: 'Only those in one of these states.' }),
      first: t.arg.int({ defaultValue: largestSize, description: 'How many, 0 to 200.' }),
      after: t.arg.id({ description: 'The id of an endpoint: only those after it.' }),
    },
    resolve: async (_root, args, { endpoints, em }) => await listEndpoints(endpoints.inForce(), args, em),
  }),
  webhookEndpoint: t.field({
    type: WebhookEndpoint,
    nullable: true,
    description: 'Admin. The endpoint with this id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: "An endpoint's id." }) },
    resolve: (_root, { id }, { endpoints }) => endpoints.inForce().find((endpoint) => endpoint.id === id),
  }),
}));

builder.mutationFields((t) => ({
  pauseWebhookEndpoint: t.field({
    type: WebhookEndpoint,
    nullable: true,
    description: 'Admin. Stop sending; events keep their place.',
    args: { id: t.arg.id({ required: true, description: "The endpoint's id." }) },
    resolve: async (_root, { id }, { endpoints }) => {
      await endpoints.pause(id);
      return endpointById(endpoints, id);
    },
  }),
  resumeWebhookEndpoint: t.field({
    type: WebhookEndpoint,
    nullable: true,
    description: 'Admin. Go on where it stopped.',
    args: { id: t.arg.id({ required: true, description: "The endpoint's id." }) },
    resolve: async (_root, { id }, { endpoints }) => {
      await endpoints.resume(id);
      return endpointById(endpoints, id);
    },
  }),
}));
