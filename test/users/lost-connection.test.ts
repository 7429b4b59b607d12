// Property 1 on a bad network: a change whose connection breaks, at whichever message, happened with its events or not at all.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createUser, deleteUser, updateUser } from '../../src/users/lifecycle.ts';
import { openPostgresProxy, type Loss, type PostgresProxy } from '../outbox/postgres-proxy.ts';
import { openSignInWorld, signedInBy, type SignInWorld } from './sign-in-world.ts';
import { usersAsStored, usersAsTold } from './told-and-stored.ts';

let proxy: PostgresProxy;
let world: SignInWorld;

beforeAll(async () => {
  world = await openSignInWorld({
    // One connection, so that it is the change's.
    connections: 1,
    reach: async (url) => (proxy = await openPostgresProxy(url)).url,
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

/** All that comes before the change; what it returns is the change, for which a new `subject` is nobody yet. */
const changes: Record<string, (subject: string) => Promise<() => Promise<unknown>>> = {
  'an admin makes a user': async (subject) => () =>
    createUser(world.transactions, { email: `${subject}@example.com`, displayName: subject }),
  'a user is updated': async (subject) => {
    const { user } = signedInBy(await world.come('google', subject));
    return () => updateUser(world.transactions, user.id, { displayName: 'Other' });
  },
  'a user is deleted': async (subject) => {
    const { user } = signedInBy(await world.come('google', subject));
    return () => deleteUser(world.transactions, user.id);
  },
  'a first sign-in': async (subject) => {
    const begun = await world.begin('google', subject);
    return () => world.signIn.complete(begun);
  },
  'a later sign-in': async (subject) => {
    await world.come('google', subject);
    const begun = await world.begin('google', subject);
    return () => world.signIn.complete(begun);
  },
  'a link': async (subject) => {
    const signedIn = signedInBy(await world.come('google', subject));
    const purpose = { kind: 'link', userId: signedIn.user.id } as const;
    const begun = await world.begin('github', subject, { purpose, signedIn });
    return () => world.signIn.complete(begun);
  },
  'an unlink': async (subject) => {
    const signedIn = signedInBy(await world.come('google', subject));
    await world.link(signedIn, 'github', subject);
    return () => world.signIn.unlink(signedIn.user.id, 'github');
  },
  'an invitation': async (subject) => {
    const { id: userId } = await createUser(world.transactions, { email: `${subject}@example.com` });
    const begun = await world.begin('google', subject, { purpose: { kind: 'invitation', userId } });
    return () => world.signIn.complete(begun);
  },
};

test.each(Object.entries(changes))(
  '%s: with the connection lost at each of its messages or answers, rows and events agree',
  async (name, prepare) => {
    for (const what of ['message', 'answer'] as const) {
      const kept: boolean[] = [];
      for (let after = 0; ; after += 1) {
        const change = await prepare(`${name} ${what} ${after}`.replaceAll(' ', '-'));
        const before = (await world.told()).length;
        const loss: Loss = { after, what };
        proxy.loss = loss;
        const outcome = await change().then(
          () => 'done',
          (error: unknown) => error,
        );
        const wasLost = loss.after < 0;
        proxy.loss = null;
        expect(usersAsTold(await world.told())).toEqual(await usersAsStored(world.orm));
        const happened = (await world.told()).length > before;
        if (!wasLost) {
          expect({ outcome, happened }).toEqual({ outcome: 'done', happened: true });
          break;
        }
        expect(outcome).toMatchObject({ name: 'Refusal', code: 'UNAVAILABLE' });
        kept.push(happened);
      }
      // Begin, a lock, a write and the commit at least; and of all that can be lost, the commit's answer alone keeps it.
      expect(kept.length).toBeGreaterThan(3);
      expect(kept).toEqual([...Array<boolean>(kept.length - 1).fill(false), what === 'answer']);
    }
  },
);
