// The catalogue of event types: what schema/events holds, and what /events/types answers.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEventTypes } from '../../src/api/event-types.ts';
import type { UserEventType } from '../../src/outbox/emitter.ts';
import { fromPayload, toPayload } from '../../src/outbox/payload.ts';
import type { OperationalType } from '../../src/policy/operational.ts';
import { sampleNamed } from '../docs/markdown.ts';
import { type Body, closed, validatorOf, withoutEach } from '../support/body-schema.ts';
import { type Door, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const types = readEventTypes();
/** Compiled once: that takes longer than all that they are asked. */
const open = new Map(types.map((one) => [one.type, validatorOf(one.schema)]));
const strict = new Map(types.map((one) => [one.type, validatorOf(closed(one))]));
const named = types.map((one): [string, (typeof types)[number]] => [one.type, one]);

/** The compiler sees that none is missing. */
const made: Record<UserEventType | OperationalType | 'webhook.test', true> = {
  ...{ 'user.created': true, 'user.deleted': true, 'user.login': true, 'user.updated': true },
  ...{ 'user.oauth_linked': true, 'user.oauth_unlinked': true, 'webhook.test': true },
  ...{ 'webhook.delivery_failed': true, 'webhook.endpoint_failing': true, 'webhook.endpoint_paused': true },
  ...{ 'webhook.endpoint_recovered': true, 'webhook.endpoint_resumed': true },
};

test('the catalogue has each type that the service makes, and no other', () => {
  expect(types.map(({ type }) => type)).toEqual(Object.keys(made).toSorted());
});

test('/events/types answers with it, to anybody, and takes nothing but GET and HEAD', async () => {
  const answer = await door.fetch('/events/types');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
  const body = (await answer.json()) as { types: object[] };
  expect(Object.keys(body)).toEqual(['types']);
  expect(body.types.map((one) => Object.keys(one).join())).toEqual(types.map(() => 'type,description,schema,example'));
  expect(body).toEqual({ types });
  const page = await door.fetch('/events/types', { headers: { accept: 'text/html' } });
  expect(page.headers.get('content-type')).toBe('application/json');
  expect((await door.fetch('/events/types', { method: 'HEAD' })).status).toBe(200);
  const refused = await door.fetch('/events/types', { method: 'POST' });
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test.each(named)('%s says what it is, and describes every field of its data', (type, { description, schema }) => {
  expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: expect.any(String) });
  expect(description).toMatch(/^[A-Z].*\.$/);
  const { data, ...envelope } = schema.properties as unknown as Record<string, { properties: object }>;
  const texts = Object.values(data!.properties).map(({ description: text }: { description?: string }) => text);
  expect(texts).toEqual(texts.map(() => expect.stringMatching(/^[A-Z].*\.$/)));
  // What stands around the data is the same for all of them.
  const { event_type: _, data: __, ...common } = types[0]!.schema.properties as Record<string, unknown>;
  expect(envelope).toEqual({ ...common, event_type: { const: type } });
});

test.each(named)(
  'the example of %s is a body as the service makes it, and its schema names every field',
  (type, one) => {
    const text = JSON.stringify(one.example);
    expect(toPayload(fromPayload(text))).toBe(text);
    expect(strict.get(type)!(one.example)).toEqual([]);
  },
);

test.each(named)('a receiver that validates %s takes a field that a later version adds', (type, one) => {
  const example = one.example as Body;
  const later = { ...example, new_field: 1, data: { ...example.data, new_field: 1 } };
  expect(open.get(type)!(later)).toEqual([]);
  expect(strict.get(type)!(later)).toHaveLength(2);
});

test.each(named)('%s is no body of another type', (type, { example }) => {
  const accepting = [...open].filter(([, validate]) => validate(example).length === 0);
  expect(accepting.map(([name]) => name)).toEqual([type]);
});

test('of user.updated each field that is said to have changed must be there, whichever they are', () => {
  const one = types.find(({ type }) => type === 'user.updated')!;
  const validate = open.get(one.type)!;
  const news = { avatar_url: null, display_name: null, email: 'ada@example.com', role: 'ADMIN' };
  const data = { user_id: (one.example as Body).data['user_id'], changed: Object.keys(news), ...news };
  const whole = { ...one.example, data } as Body;
  expect(validate(whole)).toEqual([]);
  expect(withoutEach(whole).filter(([, broken]) => validate(broken).length === 0)).toEqual([]);
  const unchanged = { ...whole, data: { ...data, changed: [] } };
  expect(validate(unchanged)).toHaveLength(1);
});

test('the image holds them', async () => {
  const read = async (name: string) => await readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
  expect((await read('Dockerfile')).split('\nFROM ').at(-1)).toMatch(/^COPY schema\/events schema\/events$/m);
  expect(await read('.dockerignore')).toMatch(/^!schema\/events$/m);
});

test.each(named)('docs/receiving.md lists %s, and leads to its schema', async (type) => {
  const text = await readFile(new URL('../../docs/receiving.md', import.meta.url), 'utf8');
  expect(text).toContain(`[\`${type}\`](../schema/events/${type}.json)`);
});

test('the bodies that docs/receiving.md shows are valid', () => {
  const shown = [
    sampleNamed('docs/receiving.md json 1'),
    ...sampleNamed('docs/receiving.md json 2').trim().split('\n'),
  ];
  for (const text of shown) {
    const body = JSON.parse(text) as Body;
    expect(strict.get(body['event_type'] as string)!(body), text).toEqual([]);
  }
});
