import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { numberAll } from '../../src/outbox/relay.ts';
import { emptyLog } from '../support/recorded-events.ts';
import { type Door, openDoor } from './door.ts';
import { storeEvent } from './stored-rows.ts';

let door: Door;

beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());
beforeEach(() => emptyLog(door.orm));

const at = (ms: number) => new Date(Date.UTC(2026, 10, 23, 12) + ms);

async function page(variables: object) {
  const { data, errors } = await door.ask(
    `query ($first: Int, $after: String, $last: Int, $before: String, $filter: WebhookEventFilter) {
       webhookEvents(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
         nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`,
    { filter: { subject: 's' }, ...variables },
  );
  expect(errors).toBeUndefined();
  const { nodes, ...rest } = data.webhookEvents;
  return { ids: nodes.map(({ id }: { id: string }) => id) as string[], ...rest };
}

/** Events whose ids are not in the order of the log; newest first. The last of them are queued. */
async function store(logged: number, queued: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < logged + queued; index += 1) {
    const createdAt = at(((index * 7) % (logged + queued)) * 1_000);
    const position = index < logged ? 2 * index + 1 : null;
    ids.unshift((await storeEvent(door.orm, { subject: 's', position, createdAt })).id);
    await storeEvent(door.orm, { subject: 't', position: position && position + 1, createdAt });
  }
  await door.orm.em.fork().execute('update webhook_log_head set position = ?', [2 * logged]);
  return ids;
}

test('a subject’s events come in the order of the log, the queued ones first, in pages of any size and from either end', async () => {
  const ids = await store(9, 3);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 13 }), fc.boolean(), async (size, backward) => {
      const walked: string[] = [];
      let cursor: string | null = null;
      for (;;) {
        const found = await page(backward ? { last: size, before: cursor } : { first: size, after: cursor });
        const { pageInfo } = found;
        expect(found.totalCount).toBe(ids.length);
        expect(backward ? pageInfo.hasNextPage : pageInfo.hasPreviousPage).toBe(cursor !== null);
        if (backward) walked.unshift(...found.ids);
        else walked.push(...found.ids);
        expect(backward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage).toBe(walked.length < ids.length);
        if (walked.length >= ids.length) break;
        cursor = backward ? pageInfo.startCursor : pageInfo.endCursor;
      }
      expect(walked).toEqual(ids);
    }),
    { numRuns: 15 },
  );
});

test('an event that gets its position between two pages is on one of them', async () => {
  const ids = await store(2, 3);
  const first = await page({ first: 2 });
  await numberAll(door.orm);
  const second = await page({ first: 10, after: first.pageInfo.endCursor });
  expect([...first.ids, ...second.ids]).toEqual(ids);
});

test('after a cursor whose event is no longer kept there is nothing older, and all that is left is newer', async () => {
  const ids = await store(4, 0);
  const { pageInfo } = await page({ last: 1 });
  await door.orm.em.fork().execute('delete from webhook_log where position <= 2');
  expect((await page({ first: 5, after: pageInfo.endCursor })).ids).toEqual([]);
  expect((await page({ last: 5, before: pageInfo.endCursor })).ids).toEqual(ids.slice(0, 3));
});

test('an event of another subject with the same hash is not among them', async () => {
  const [, ...ids] = await store(3, 0);
  await door.orm.em.fork().execute(`update webhook_events set subject = 'other' where id =
    (select event_id from webhook_log where position = 5)`);
  const found = await page({});
  expect([found.ids, found.totalCount]).toEqual([ids, 2]);
});
