// Our two scalars: a date and time, and any JSON value.

import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';

const moment = /^\d{4}-(\d{2})-(\d{2})T\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i;

/**
 * Reads an ISO 8601 date and time with an offset or Z; digits after the milliseconds are cut off. Throws GraphQLError
 * for anything else, also for a day that no month has and a year outside 1 to 9999.
 */
function parseDateTime(value: unknown, node?: ValueNode): Date {
  const text = typeof value === 'string' ? value : '';
  const match = moment.exec(text);
  const time = new Date(text.replace(',', '.').toUpperCase());
  const year = time.getUTCFullYear();
  // Date.parse takes 30 February for 2 March; read without its offset, such a day comes back as another.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const isDay = match !== null && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
  if (!isDay || Number.isNaN(time.getTime()) || year < 1 || year > 9999) {
    const message = 'DateTime must be an ISO 8601 date and time with an offset, like 2026-11-23T10:00:00.000Z.';
    throw new GraphQLError(message, { nodes: node });
  }
  return time;
}

export const DateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description: 'A moment in ISO 8601: given in UTC with milliseconds and Z; taken with any offset.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => (value as Date).toISOString(),
  parseValue: (value) => parseDateTime(value),
  parseLiteral(node) {
    return parseDateTime(node.kind === Kind.STRING ? node.value : null, node);
  },
});

export const JsonScalar = new GraphQLScalarType<unknown, unknown>({
  name: 'JSON',
  description: 'Any JSON value.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => jsonOf(node, variables ?? {}),
});

function jsonOf(node: ValueNode, variables: { readonly [name: string]: unknown }): unknown {
  switch (node.kind) {
    case Kind.OBJECT:
      // fromEntries makes a key named __proto__ a plain key.
      return Object.fromEntries(node.fields.map((field) => [field.name.value, jsonOf(field.value, variables)]));
    case Kind.LIST:
      return node.values.map((value) => jsonOf(value, variables));
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.ENUM:
    case Kind.BOOLEAN:
      return node.value;
    case Kind.VARIABLE:
      return variables[node.name.value] ?? null;
    case Kind.NULL:
    default:
      return null;
  }
}
