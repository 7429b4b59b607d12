// Property 1 for all six events: users, accounts and sessions are what the events tell, whatever fails on the way.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { Session } from '../../src/model/session.ts';
import { findUser, createUser, deleteUser, updateUser } from '../../src/users/lifecycle.ts';
import type { SignedIn } from '../../src/users/sign-in.ts';
import { codeSteps, failAt, failingTransactions, installFailures, type Step } from './failing-steps.ts';
import { openSignInWorld, type SignInWorld } from './sign-in-world.ts';
import { usersAsStored, usersAsTold } from './told-and-stored.ts';

let world: SignInWorld;
let step: Step = 'nowhere';

beforeAll(async () => {
  world = await openSignInWorld({
    connections: 3,
    transactions: (orm) => failingTransactions(orm, () => step).transactions,
  });
  await installFailures(world.orm);
});
afterAll(() => world[Symbol.asyncDispose]());

const steps: Step[] = ['user', 'account', 'session', 'state', 'event', 'commit', ...codeSteps];
/** Nothing that tells an event gets past these. */
const certain: readonly Step[] = ['event', 'commit', ...codeSteps];

const operation = fc.record({
  step: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Step>('nowhere') },
    { weight: 2, arbitrary: fc.constantFrom(...steps) },
  ),
  /** Which user, counted among those that there are. */
  whom: fc.nat({ max: 5 }),
  provider: fc.constantFrom('google' as const, 'github' as const),
  subject: fc.constantFrom('a', 'b', 'c'),
  does: fc.constantFrom('create', 'update', 'delete', 'sign-in', 'sign-in', 'link', 'link', 'unlink', 'invite'),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** What chance alone meets in too few of the runs. */
const unlinked: Operation[] = (
  [
    ['sign-in', 'google'],
    ['link', 'github'],
    ['unlink', 'github'],
  ] as const
).map(([does, provider]) => ({ step: 'nowhere', whom: 0, provider, subject: 'a', does }));

test(
  'property 1: after any failure at any step, users, accounts and sessions are exactly what the events say',
  { timeout: 120_000 },
  async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 16 }), async (operations) => {
        await world.orm.em.fork().execute('truncate users, webhook_events, oauth_used_states cascade');
        let before: [string, unknown][] = [];
        for (const one of operations) {
          const who = await meant(one.whom);
          const expected = await expectedOf(one, who);
          const change = await prepare(one, who);
          step = one.step;
          await failAt(world.orm, step);
          const outcome = await change().then(
            () => 'done',
            () => 'failed',
          );
          step = 'nowhere';
          await failAt(world.orm, step);

          const after = await world.told();
          expect(after.slice(0, before.length)).toEqual(before);
          const news = after.slice(before.length).map(([type]) => type);
          expect(news).toEqual(outcome === 'done' ? expected : []);
          if (certain.includes(one.step)) expect(news).toEqual([]);
          if (one.step === 'nowhere' && ['create', 'sign-in'].includes(one.does)) expect(outcome).toBe('done');
          expect(usersAsTold(after)).toEqual(await usersAsStored(world.orm));
          seen.add(`${one.does} ${outcome}`);
          before = after;
        }
      }),
      { numRuns: 60, examples: [[unlinked]] },
    );
    // The property must have met each change, done and failed.
    const all = ['create', 'update', 'delete', 'sign-in', 'link', 'unlink', 'invite'];
    expect([...seen].sort()).toEqual(all.flatMap((does) => [`${does} done`, `${does} failed`]).sort());
  },
);

/** The user that is meant, and a session of theirs; of nobody when there are no users. */
async function meant(whom: number): Promise<SignedIn> {
  const ids = Object.keys(await usersAsStored(world.orm));
  const em = world.orm.em.fork();
  const user = await findUser(em, ids[whom % ids.length] ?? '');
  const session = user && (await em.findOne(Session, { userId: user.id }));
  return {
    user: user ?? ({ id: crypto.randomUUID() } as SignedIn['user']),
    sessionId: session?.id ?? crypto.randomUUID(),
  };
}

/** What is told when it succeeds. */
async function expectedOf({ does, provider, subject }: Operation, { user }: SignedIn): Promise<string[]> {
  const owner = await world.orm.em.fork().findOne(OAuthAccount, { provider, subject });
  const isTheirs = owner?.userId === user.id;
  switch (does) {
    case 'create':
      return ['user.created'];
    case 'update':
      return user.displayName === subject ? [] : ['user.updated'];
    case 'delete':
      return ['user.deleted'];
    case 'sign-in':
      return owner ? ['user.login'] : ['user.created', 'user.login'];
    case 'link':
      return isTheirs ? [] : ['user.oauth_linked'];
    case 'invite':
      return isTheirs ? ['user.login'] : ['user.oauth_linked', 'user.login'];
    default:
      return ['user.oauth_unlinked'];
  }
}

/** Everything up to the step that may fail. */
async function prepare({ does, provider, subject }: Operation, who: SignedIn): Promise<() => Promise<unknown>> {
  const { transactions, signIn } = world;
  const { id } = who.user;
  switch (does) {
    case 'create':
      return () => createUser(transactions, { email: `${subject}@example.com`, displayName: subject });
    case 'update':
      return () => updateUser(transactions, id, { displayName: subject });
    case 'delete':
      return () => deleteUser(transactions, id);
    case 'unlink':
      return () => signIn.unlink(id, provider);
    case 'sign-in': {
      const begun = await world.begin(provider, subject);
      return () => signIn.complete(begun);
    }
    case 'link': {
      const begun = await world.begin(provider, subject, { purpose: { kind: 'link', userId: id }, signedIn: who });
      return () => signIn.complete(begun);
    }
    default: {
      if (!(await findUser(world.orm.em.fork(), id))) return () => Promise.reject(new Error('nobody to invite'));
      const begun = await world.begin(provider, subject, { purpose: { kind: 'invitation', userId: id } });
      return () => signIn.complete(begun);
    }
  }
}
