// Moves an endpoint's cursor back, and says beforehand how much that sends again.

import { builder } from './builder.ts';
import { endpointById } from './endpoints.ts';
import { WebhookEndpoint } from './webhook-endpoint.ts';

const WebhookPositionInput = builder.inputType('WebhookPositionInput', {
  description: 'A position in the log.',
  isOneOf: true,
  fields: (t) => ({
    position: t.string({
      description: 'The first position to send again, a whole number; "0" and "1" are the beginning of the log.',
    }),
    at: t.field({
      type: 'DateTime',
      description: 'Everything that got its position at this moment or later is sent again.',
    }),
  }),
});

builder.queryField('rewindCount', (t) =>
  t.int({
    nullable: true,
    description:
      'Admin. How many events a rewind to there would send again: those from there that are settled, by the present filter. Exact to 10,000; above, 10,000. The same errors as rewindWebhookEndpoint.',
    args: {
      id: t.arg.id({ required: true, description: "The endpoint's id." }),
      to: t.arg({ type: WebhookPositionInput, required: true, description: 'Where it would go on.' }),
    },
    resolve: async (_root, { id, to }, { endpoints, em }) => await endpoints.rewindCount(em, id, to),
  }),
);

builder.mutationField('rewindWebhookEndpoint', (t) =>
  t.field({
    type: WebhookEndpoint,
    nullable: true,
    description:
      "Admin. Move the endpoint's position back; everything from there is sent again, in order, with attempts from 1. It is stored when this answers. A request under way then still ends, and is recorded, before the first one from the new position. A paused endpoint stays paused. BAD_USER_INPUT when the position lies ahead of the present one or is no longer kept; CONFLICT for a disabled endpoint.",
    args: {
      id: t.arg.id({ required: true, description: "The endpoint's id." }),
      to: t.arg({ type: WebhookPositionInput, required: true, description: 'Where it goes on.' }),
    },
    resolve: async (_root, { id, to }, { endpoints }) => {
      await endpoints.rewind(id, to);
      return endpointById(endpoints, id);
    },
  }),
);
