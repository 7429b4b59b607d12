// Moves an endpoint's cursor back.

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
