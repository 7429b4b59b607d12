// Property 1: a change of a user and its event are one thing, whatever fails on the way.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { User } from '../../src/model/user.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import type { Transactions } from '../../src/outbox/transactions.ts';
import { createUser, deleteUser, updateUser } from '../../src/users/lifecycle.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { codeSteps, failAt, failingTransactions, installFailures, type Step } from './failing-steps.ts';
import { recordedEvents } from '../support/recorded-events.ts';

let database: TestDatabase;
let orm: ReturnType<typeof openOrm>;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 3, name: 'one-event-test' });
  await installFailures(orm);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

const databaseSteps = ['user', 'event', 'commit'] as const;

const text = fc.constantFrom('Ada', 'Bob', 'Cyd');
const changes = fc.record(
  {
    email: fc.constantFrom('a@example.com', 'b@example.com', 'no e-mail'),
    displayName: fc.option(text),
    avatarUrl: fc.option(fc.constantFrom('https://example.com/1', 'https://example.com/2', 'nowhere')),
    role: fc.constantFrom('USER' as const, 'ADMIN' as const),
  },
  { requiredKeys: [] },
);
const operation = fc.record({
  // Where it fails, if the step is reached at all.
  step: fc.oneof(
    { weight: 2, arbitrary: fc.constant<Step>('nowhere') },
    { weight: 3, arbitrary: fc.constantFrom<Step>(...databaseSteps, ...codeSteps) },
  ),
  /** Which user, counted among all that ever were, so that some are gone. */
  whom: fc.nat({ max: 7 }),
  does: fc.oneof(
    fc.record({
      kind: fc.constant('create' as const),
      email: fc.constantFrom('a@example.com', 'no e-mail'),
      displayName: text,
    }),
    fc.record({ kind: fc.constant('update' as const), input: changes }),
    fc.record({ kind: fc.constant('delete' as const) }),
  ),
});

const columns = { avatarUrl: 'avatar_url', displayName: 'display_name', email: 'email', role: 'role' } as const;
type Row = Record<keyof typeof columns, unknown>;

test('property 1: created, updated and deleted emit one event each, and none when the change fails or rolls back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 14 }), async (operations) => {
      await orm.em.fork().execute('truncate users, webhook_events cascade');
      let step: Step = 'nowhere';
      const { transactions, commits } = failingTransactions(orm, () => step);
      const ever: string[] = [crypto.randomUUID()];
      const model = new Map<string, Row>();
      const expected: unknown[] = [];

      for (const { does, whom, step: at } of operations) {
        const id = ever[whom % ever.length]!;
        const before = model.get(id);
        step = at;
        await failAt(orm, step);
        const commitsBefore = commits();
        const outcome = await perform(does, id, transactions).then(
          (made) => ({ made }),
          (error: unknown) => (error instanceof Error ? error : expect.fail('no error')),
        );
        await failAt(orm, 'nowhere');

        const bad =
          (does.kind === 'create' && does.email === 'no e-mail') ||
          (does.kind === 'update' && (does.input.email === 'no e-mail' || does.input.avatarUrl === 'nowhere')) ||
          (does.kind !== 'create' && !before);
        const changed = does.kind === 'update' && before ? differences(before, does.input) : null;
        // Nothing to write: Postgres is given nothing to fail at.
        const idle = changed !== null && Object.keys(changed).length === 0;
        const fails = bad || (idle ? isOneOf(codeSteps, at) : at !== 'nowhere');
        expect(outcome instanceof Error).toBe(fails);
        expect(commits() - commitsBefore).toBe(fails ? 0 : 1);

        if (outcome instanceof Error || idle) {
          // Nothing happened.
        } else if (does.kind === 'create') {
          const made = outcome.made!;
          ever.push(made);
          model.set(made, { email: does.email, displayName: does.displayName, avatarUrl: null, role: 'USER' });
          const data = { user_id: made, email: does.email, display_name: does.displayName, provider: null };
          expected.push({ type: 'user.created', subject: made, data });
        } else if (changed) {
          model.set(id, { ...before!, ...definedOf(does.kind === 'update' ? does.input : {}) });
          const data = { user_id: id, changed: Object.keys(changed).sort(), ...changed };
          expected.push({ type: 'user.updated', subject: id, data });
        } else {
          model.delete(id);
          expected.push({ type: 'user.deleted', subject: id, data: { user_id: id } });
        }
        expect(await storedUsers()).toEqual(Object.fromEntries(model));
        expect(await storedEvents()).toEqual(expected);
      }
    }),
    { numRuns: 40 },
  );
});

type Operation =
  | { kind: 'create'; email: string; displayName: string }
  | { kind: 'update'; input: object }
  | { kind: 'delete' };

/** The id of the user that was made, if one was. */
async function perform(does: Operation, id: string, transactions: Transactions): Promise<string | undefined> {
  if (does.kind === 'create') return (await createUser(transactions, does)).id;
  if (does.kind === 'update') await updateUser(transactions, id, does.input);
  else await deleteUser(transactions, id);
  return undefined;
}

/** By their names in an event. */
function differences(row: Row, input: Partial<Row>): Record<string, unknown> {
  const fields = Object.keys(columns) as (keyof Row)[];
  return Object.fromEntries(
    fields
      .filter((field) => input[field] !== undefined && input[field] !== row[field])
      .map((field) => [columns[field], input[field]]),
  );
}

function definedOf(input: Partial<Row>): Partial<Row> {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
}

function isOneOf(steps: readonly string[], step: string): boolean {
  return steps.includes(step);
}

async function storedUsers() {
  const users = await orm.em.fork().find(User, {});
  return Object.fromEntries(
    users.map(({ id, email, displayName, avatarUrl, role }) => [id, { email, displayName, avatarUrl, role }]),
  );
}

async function storedEvents() {
  const events = await recordedEvents(orm);
  return events.map(({ type, subject, payload }) => ({ type, subject, data: fromPayload(payload).data }));
}
