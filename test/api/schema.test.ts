import { readFileSync, readdirSync } from 'node:fs';
import {
  type GraphQLField,
  buildSchema,
  findBreakingChanges,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  parse,
  printSchema,
  validate,
} from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../src/api/graphql/schema.ts';

const printed = new URL('../../schema/schema.graphql', import.meta.url);

test('the printed schema is the one in the code (else run: node schema/print-graphql-schema.ts)', () => {
  expect(readFileSync(printed, 'utf8')).toBe(`${printSchema(lexicographicSortSchema(schema))}\n`);
});

/** What the contract promises and this version does not have yet: the live feed. */
const notDue = ['TYPE_REMOVED Subscription was removed.'];

test('nothing of the promised core is missing or different, except what is not due yet', () => {
  const core = buildSchema(readFileSync(new URL('core.graphql', import.meta.url), 'utf8'));
  const changes = findBreakingChanges(core, schema).map(({ type, description }) => `${type} ${description}`);
  expect(changes.toSorted()).toEqual(notDue);
});

test('every type, field, argument and enum value is described', () => {
  const silent: string[] = [];
  const check = (name: string, { description }: { description?: string | null }) => {
    if (!description) silent.push(name);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (/^(__|(String|Int|Float|Boolean|ID)$)/.test(type.name)) continue;
    check(type.name, type);
    if (isEnumType(type)) type.getValues().forEach((value) => check(`${type.name}.${value.name}`, value));
    if (isInputObjectType(type) || isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field);
        const args = 'args' in field ? (field as GraphQLField<unknown, unknown>).args : [];
        for (const argument of args) check(`${type.name}.${field.name}.${argument.name}`, argument);
      }
    }
  }
  expect(silent).toEqual([]);
});

const operations = new URL('../../src/api/operations/', import.meta.url);

test.each(readdirSync(operations))('the prepared operation %s is documented and valid', (name) => {
  const text = readFileSync(new URL(name, operations), 'utf8');
  expect(text).toMatch(/^# [A-Z][^.]+\./);
  expect(validate(schema, parse(text))).toEqual([]);
});
