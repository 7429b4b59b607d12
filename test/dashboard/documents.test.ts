// Every question that the dashboard asks is one that the service answers.

import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import * as deliveries from '../../src/dashboard/documents/deliveries.ts';
import * as endpoint from '../../src/dashboard/documents/endpoint.ts';
import * as endpoints from '../../src/dashboard/documents/endpoints.ts';
import * as events from '../../src/dashboard/documents/events.ts';
import * as identity from '../../src/dashboard/documents/identity.ts';
import * as service from '../../src/dashboard/documents/service.ts';
import * as users from '../../src/dashboard/documents/users.ts';

const schema = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));
const modules = { deliveries, endpoint, endpoints, events, identity, service, users };

const { sparksDocument, ...texts } = Object.assign({}, ...Object.values(modules)) as typeof endpoints;
const documents = Object.entries({ ...texts, sparksDocument: sparksDocument(['crm', 'a-b']) }).flatMap(
  ([name, text]): [string, string][] => (typeof text === 'string' && name.endsWith('Document') ? [[name, text]] : []),
);

test.each(documents)('%s is valid', (_, text) => {
  expect(validate(schema, parse(text)).map(({ message }) => message)).toEqual([]);
});

test('no document was left out', () => expect(documents.length).toBeGreaterThan(30));
