// What the commands ask for, against the schema.

import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../src/api/graphql/schema.ts';
import * as documents from '../../src/cli/documents.ts';

test.for(Object.entries(documents))('the document %s asks for what there is', ([, document]) => {
  expect(validate(schema, parse(document)).map(({ message }) => message)).toEqual([]);
});
