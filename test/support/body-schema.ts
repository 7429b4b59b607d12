// Looks at bodies by their JSON Schema with a validator that is not ours, and makes the bodies that it must refuse.

import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { EventType } from '../../src/api/event-types.ts';

export type Body = { data: Record<string, unknown> } & Record<string, unknown>;

type ObjectSchema = { properties: Record<string, object> } & Record<string, unknown>;

/** What is wrong with a body, in the validator's words; throws where the schema itself is wrong. */
export function validatorOf(schema: object): (body: unknown) => string[] {
  // A condition may require what is named beside it.
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(schema);
  return (body) =>
    validate(body) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The same, refusing each field that it does not name: receivers must not do that. */
export function closed({ schema }: EventType): object {
  const { properties, ...rest } = schema as unknown as ObjectSchema;
  const data = { ...properties['data'], additionalProperties: false };
  return { ...rest, properties: { ...properties, data }, additionalProperties: false };
}

/** The body without one of its fields, for each of them; by the field's name, `data.` before those of its data. */
export function withoutEach(body: Body): [field: string, broken: object][] {
  return [
    ...Object.keys(body).map((name): [string, object] => [name, without(body, name)]),
    ...Object.keys(body.data).map((name): [string, object] => [
      `data.${name}`,
      { ...body, data: without(body.data, name) },
    ]),
  ];
}

/** The body with a value of each other JSON type in one of its fields, for each of them; by the field's name and that type. */
export function withWrongTypes(body: Body): [what: string, broken: object][] {
  const wrongs = (values: object): [string, object][] =>
    Object.entries(values).flatMap(([name, value]) =>
      samples
        .filter((sample) => typeName(sample) !== typeName(value))
        .map((sample): [string, object] => [`${name} ${typeName(sample)}`, { ...values, [name]: sample }]),
    );
  return [
    ...wrongs(body),
    ...wrongs(body.data).map(([what, data]): [string, object] => [`data.${what}`, { ...body, data }]),
  ];
}

const samples = [null, true, 7, 'text', [], {}];

function typeName(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function without(values: Record<string, unknown>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
}
