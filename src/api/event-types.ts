// The catalogue: each type of event that the service makes, with the JSON Schema of its body, as schema/events has it.

import { readFileSync, readdirSync } from 'node:fs';
import { OpenAPIHono, createRoute, z } from '@hono/zod-openapi';

export type EventType = {
  type: string;
  /** When such an event is made. */
  description: string;
  schema: BodySchema;
  example: JsonObject;
};

type JsonObject = { [key: string]: unknown };
type BodySchema = JsonObject & {
  description: string;
  properties: { event_type: { const: string } };
  examples: [JsonObject];
};

const folder = new URL('../../schema/events/', import.meta.url);

const catalogue = z
  .object({
    types: z.array(
      z.object({
        type: z.string().openapi({ example: 'user.created' }),
        description: z.string().openapi({ description: 'When such an event is made.' }),
        schema: z.looseObject({}).openapi({ description: 'The JSON Schema (2020-12) of its body.' }),
        example: z.looseObject({}).openapi({ description: 'A body.' }),
      }),
    ),
  })
  .openapi('EventTypes');

export const eventTypesRoute = createRoute({
  method: 'get',
  path: '/events/types',
  operationId: 'eventTypes',
  summary: 'The types of events that the service makes. Types that you publish are not among them.',
  responses: {
    200: { description: 'All of them, by their names.', content: { 'application/json': { schema: catalogue } } },
  },
});

/** `/events/types`. The files are read here, so that a start without them fails. */
export function eventTypeRoutes(): OpenAPIHono {
  const types = readEventTypes();
  return new OpenAPIHono().openapi(eventTypesRoute, (c) => c.json({ types }, 200));
}

/** By name. */
export function readEventTypes(): EventType[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.toSorted().map((name) => {
    const schema = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as BodySchema;
    const { description, properties, examples } = schema;
    return { type: properties.event_type.const, description, schema, example: examples[0] };
  });
}
