// Reloads the configuration, and says what changed or what is wrong with it.

import { type DroppedBacklog as Dropped, type Reload, type ReloadProblem, builder } from './builder.ts';
import { WebhookEndpoint } from './webhook-endpoint.ts';

export const ConfigError = builder.objectRef<ReloadProblem>('ConfigError').implement({
  description: 'Something wrong in a configuration file.',
  fields: (t) => ({
    file: t.exposeString('file', { description: 'The file, from the working directory.' }),
    line: t.exposeInt('line', { nullable: true, description: 'The line, from 1.' }),
    column: t.exposeInt('column', { nullable: true, description: 'The column, from 1.' }),
    path: t.exposeString('path', { description: 'The key, dotted, like endpoints.1.timeout.' }),
    message: t.exposeString('message', { description: 'What is wrong, and what would be right.' }),
  }),
});

const DroppedBacklog = builder.objectRef<Dropped>('DroppedBacklog').implement({
  description: 'What an endpoint that is removed or disabled had still to get.',
  fields: (t) => ({
    endpointId: t.exposeID('endpointId', { description: "The endpoint's id." }),
    backlog: t.exposeInt('backlog', { description: 'How many events waited for it. Exact to 10,000; above, 10,000.' }),
  }),
});

const WebhookReload = builder.objectRef<Reload>('WebhookReload').implement({
  description: 'What a reload did, or would do.',
  fields: (t) => ({
    applied: t.exposeBoolean('applied', { description: 'Whether the file is now in force.' }),
    endpoints: t.field({
      type: [WebhookEndpoint],
      description: 'The endpoints in force; those that would be after a dry run of a good file.',
      resolve: ({ endpoints }) => endpoints,
    }),
    added: t.idList({ description: 'Ids of endpoints that are new.', resolve: ({ added }) => [...added] }),
    changed: t.idList({ description: 'Ids of endpoints that differ.', resolve: ({ changed }) => [...changed] }),
    removed: t.idList({ description: 'Ids of endpoints that are gone.', resolve: ({ removed }) => [...removed] }),
    dropped: t.field({
      type: [DroppedBacklog],
      description:
        'Of the removed and disabled, those that still had something to get. It is lost for them when the reload is applied.',
      resolve: ({ dropped }) => dropped,
    }),
    errors: t.field({
      type: [ConfigError],
      description:
        'Everything that is wrong with the file, and each backlog that it may not drop; empty when it is good.',
      resolve: ({ errors }) => errors,
    }),
  }),
});

builder.mutationField('reloadWebhooks', (t) =>
  t.field({
    type: WebhookReload,
    nullable: true,
    description:
      "Admin. Reads this instance's config/webhooks.yaml again; all or nothing; what it accepts is in force on every instance. A bad file: applied false and errors, no GraphQL error, endpoints are those in force. dryRun: applied false, the lists say what would change, endpoints what would be.",
    args: {
      dryRun: t.arg.boolean({ defaultValue: false, description: 'Only say what would change.' }),
      allowDrop: t.arg.boolean({
        defaultValue: false,
        description:
          'Without it a reload that removes or disables an endpoint with a backlog is refused, with an error that names it and the number.',
      }),
    },
    resolve: async (_root, { dryRun, allowDrop }, { endpoints }) =>
      await endpoints.reload({ dryRun: dryRun ?? false, allowDrop: allowDrop ?? false }),
  }),
);
