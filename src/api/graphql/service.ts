// The service as a whole.

import { builder } from './builder.ts';

/** It has no value: each field is looked up by itself. */
export const Service = builder.objectRef<object>('Service').implement({
  description: 'How the service as a whole stands.',
  fields: () => ({}),
});

builder.queryFields((t) => ({
  service: t.field({
    type: Service,
    nullable: true,
    description: 'Admin. How the service as a whole stands.',
    resolve: () => ({}),
  }),
}));
