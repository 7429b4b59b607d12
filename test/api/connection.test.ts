import { randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Door, openDoor } from './door.ts';
import { storeDelivery, storeEvent, storeUser } from './stored-rows.ts';

let door: Door;
/** Ids of the users, newest first. */
let ids: string[];

beforeAll(async () => {
  door = await openDoor();
  const users = await Promise.all(
    Array.from({ length: 23 }, async (_, n) => await storeUser(door.orm, { email: `u${n}@example.com` })),
  );
  ids = users
    .map(({ id }) => id)
    .toSorted()
    .toReversed();
});
afterAll(async () => await door[Symbol.asyncDispose]());

type PageInfo = {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
};
type Page = { edges: { cursor: string; node: { id: string } }[]; nodes: { id: string }[]; pageInfo: PageInfo };

const query = `query ($first: Int, $after: String, $last: Int, $before: String) {
  users(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

async function page(variables: object): Promise<Page> {
  const { data, errors } = await door.ask(query, variables);
  expect(errors).toBeUndefined();
  return data.users as Page;
}

const idsOf = ({ nodes }: Page) => nodes.map(({ id }) => id);

test('walking forward or backward, in pages of any size, gives each row once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 25 }), fc.boolean(), async (size, backward) => {
      const walked: string[] = [];
      let from: string | null = null;
      for (let pages = 1; ; pages += 1) {
        const { edges, pageInfo, ...rest } = await page(
          backward ? { last: size, before: from } : { first: size, after: from },
        );
        const seen = edges.map(({ node }) => node.id);
        expect(rest.nodes.map(({ id }) => id)).toEqual(seen);
        expect(pageInfo.startCursor).toBe(edges[0]?.cursor);
        expect(pageInfo.endCursor).toBe(edges.at(-1)?.cursor);
        if (backward) walked.unshift(...seen);
        else walked.push(...seen);
        const isLast = pages === Math.ceil(ids.length / size);
        expect(backward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage).toBe(!isLast);
        expect(backward ? pageInfo.hasNextPage : pageInfo.hasPreviousPage).toBe(pages > 1);
        if (isLast) break;
        from = backward ? pageInfo.startCursor : pageInfo.endCursor;
      }
      expect(walked).toEqual(ids);
    }),
    { numRuns: 30 },
  );
});

test('a page between two cursors is that part of the list, and says truly whether there is more around it', async () => {
  const { edges } = await page({ first: 200 });
  const place = fc.option(fc.integer({ min: 0, max: 22 }), { nil: null });
  await fc.assert(
    fc.asyncProperty(
      place,
      place,
      fc.integer({ min: 0, max: 30 }),
      fc.boolean(),
      async (after, before, size, backward) => {
        const found = await page({
          after: after === null ? null : edges[after]!.cursor,
          before: before === null ? null : edges[before]!.cursor,
          ...(backward ? { last: size } : { first: size }),
        });
        const start = after === null ? 0 : after + 1;
        const window = ids.slice(start, Math.max(start, before ?? ids.length));
        const expected = backward ? window.slice(Math.max(0, window.length - size)) : window.slice(0, size);
        expect(idsOf(found)).toEqual(expected);
        const cut = window.length > size;
        expect(found.pageInfo.hasNextPage).toBe(before !== null || (!backward && cut));
        expect(found.pageInfo.hasPreviousPage).toBe(after !== null || (backward && cut));
      },
    ),
    { numRuns: 60 },
  );
});

test('a page has 50 rows when none is asked for, and totalCount counts them all', async () => {
  await using other = await openDoor();
  await Promise.all(Array.from({ length: 60 }, async () => await storeUser(other.orm)));
  const { data } = await other.ask('{ users { nodes { id } totalCount pageInfo { hasNextPage } } }');
  expect(data.users.nodes).toHaveLength(50);
  expect(data.users).toMatchObject({ totalCount: 60, pageInfo: { hasNextPage: true } });
});

test('totalCount counts what matches, whatever the page', async () => {
  const { data } = await door.ask('{ users(first: 1, search: "U1") { nodes { email } totalCount } }');
  // u1 and u10 to u19.
  expect(data.users.totalCount).toBe(11);
});

const cursorOf = (text: string) => Buffer.from(text).toString('base64url');

test.each([
  ['first and last', { first: 1, last: 1 }],
  ['a negative first', { first: -1 }],
  ['a negative last', { last: -1 }],
  ['first above 200', { first: 201 }],
  ['the largest first', { first: 2_147_483_647 }],
  ['last above 200', { last: 201 }],
  ['a cursor of another list', { after: cursorOf(`event:${randomUUIDv7()}`) }],
  ['a cursor of no id', { after: cursorOf("user:' or 1=1 --") }],
  ['a cursor that is no base64', { before: '../../etc/passwd' }],
  ['an empty cursor', { after: '' }],
  ['a padded cursor', { after: `${cursorOf(`user:${randomUUIDv7()}`)}=` }],
  ['a cursor of a megabyte', { before: 'A'.repeat(900_000) }],
])('%s is refused', async (_, variables) => {
  const { data, errors } = await door.ask(query, variables);
  expect(data).toEqual({ users: null });
  const [argument] = Object.keys(variables).toReversed();
  expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
});

test('null arguments are absent ones', async () => {
  expect(idsOf(await page({ first: null, last: null, after: null, before: null }))).toEqual(ids);
  expect(idsOf(await page({ first: null, last: 2 }))).toEqual(ids.slice(-2));
});

test('events and deliveries are paged in the same way', async () => {
  const events = await Promise.all(Array.from({ length: 5 }, async () => await storeEvent(door.orm)));
  const deliveries = await Promise.all(Array.from({ length: 5 }, async () => await storeDelivery(door.orm)));
  const newest = (rows: { id: string }[]) =>
    rows
      .map(({ id }) => id)
      .toSorted()
      .toReversed();
  const { data } = await door.ask(`{
    webhookEvents(first: 3) { nodes { id } pageInfo { endCursor } }
    webhookDeliveries(last: 3) { nodes { id } pageInfo { startCursor } }
  }`);
  expect(data.webhookEvents.nodes.map(({ id }: { id: string }) => id)).toEqual(newest(events).slice(0, 3));
  expect(data.webhookDeliveries.nodes.map(({ id }: { id: string }) => id)).toEqual(newest(deliveries).slice(2));
  const { data: rest } = await door.ask(
    `query ($after: String, $before: String) {
      webhookEvents(after: $after) { nodes { id } }
      webhookDeliveries(before: $before) { nodes { id } }
    }`,
    { after: data.webhookEvents.pageInfo.endCursor, before: data.webhookDeliveries.pageInfo.startCursor },
  );
  expect(rest.webhookEvents.nodes).toHaveLength(2);
  expect(rest.webhookDeliveries.nodes).toHaveLength(2);
});
