// The demo's story: a person signs in, users are created, changed and deleted, and other events are published.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, createApi } from './api.ts';
import { hedy } from './people.ts';
import type { Receiver } from './receiver.ts';
import type { Screen } from './screen.ts';
import { signIn, signInUrl } from './sign-in.ts';

export type Stage = {
  /** The service's. */
  url: string;
  /** As the admin. */
  api: Api;
  receiver: Pick<Receiver, 'accepted' | 'failNext'>;
  screen: Screen;
  /** Aborted when the demo ends. */
  signal: AbortSignal;
};

/** Longest wait for the webhooks of one scene: an endpoint may be paused since an earlier run. */
const sceneWithinMs = 10_000;
const lookEveryMs = 50;
const changeEveryMs = 15_000;

type Person = { displayName: string; email: string };
type User = { id: string; name: string };

const ada = { displayName: 'Ada Lovelace', email: 'ada@example.com' };
const grace = { displayName: 'Grace Hopper', email: 'grace@example.com' };
const alan = { displayName: 'Alan Turing', email: 'alan@example.com' };

/** Who comes and goes while the demo keeps running. */
const visitors = [
  { displayName: 'Emmy Noether', email: 'emmy@example.com' },
  { displayName: 'Edsger Dijkstra', email: 'edsger@example.com' },
  { displayName: 'Barbara Liskov', email: 'barbara@example.com' },
  { displayName: 'Leslie Lamport', email: 'leslie@example.com' },
];

/** The story with a beginning and an end; returns early when the demo ends. */
export async function tellStory(stage: Stage): Promise<void> {
  await signInAndChange(stage);
  await createAndChange(stage);
}

/** The demo's data stays, so only the first run shows a first sign-in. */
async function signInAndChange(stage: Stage): Promise<void> {
  const { screen } = stage;
  const isNew = await isUnknown(stage, hedy.email);
  screen.say(`A person signs in ${isNew ? 'for the first time' : 'again'}, and changes her name:`);
  screen.columns();
  let session: Api | undefined;
  await scene(stage, isNew ? 5 : 2, async () => {
    session = await comeIn(stage);
  });
  await scene(stage, 3, async () => {
    if (session) await changeName(stage, session);
  });
}

async function createAndChange(stage: Stage): Promise<void> {
  const { screen } = stage;
  const users: User[] = [];
  screen.say('Three users come. The flaky endpoint fails twice, and gets its events in order all the same:');
  stage.receiver.failNext('flaky', 2);
  await scene(stage, 9, async () => {
    for (const person of [ada, grace, alan]) users.push(await createUser(stage, person));
  });
  const [first, , last] = users;
  if (!first || !last) return;

  screen.say('One of them changes twice:');
  await scene(stage, 6, async () => {
    await updateUser(stage, first, { displayName: 'Ada King' });
    await updateUser(stage, first, { email: 'ada.king@example.com' });
  });

  screen.say('Another one goes:');
  await scene(stage, 2, async () => await deleteUser(stage, last));

  screen.say('An event of your own, and a test for one endpoint alone:');
  await scene(stage, 2, async () => {
    await publishOrder(stage);
    await sendTest(stage);
  });
}

/** A change now and then, until the demo ends. */
export async function keepAlive(stage: Stage): Promise<void> {
  for (let round = 0; ; round += 1) {
    const visitor = visitors[round % visitors.length]!;
    let user: User | undefined;
    await later(stage, 3, async () => {
      stage.receiver.failNext('flaky', 2);
      user = await createUser(stage, visitor);
    });
    await later(stage, 3, async () => {
      if (user) await updateUser(stage, user, { displayName: visitor.displayName.toUpperCase() });
    });
    await later(stage, 1, async () => await publishOrder(stage));
    await later(stage, 2, async () => {
      if (user) await deleteUser(stage, user);
    });
    if (stage.signal.aborted) return;
  }
}

async function later(stage: Stage, webhooks: number, change: () => Promise<void>): Promise<void> {
  await sleep(changeEveryMs, undefined, { signal: stage.signal }).catch(() => {});
  if (stage.signal.aborted) return;
  stage.screen.say();
  await scene(stage, webhooks, change);
}

/** Makes the change and waits until this many more webhooks were accepted. A failure is shown; the demo goes on. */
async function scene(
  { receiver, screen, signal }: Stage,
  webhooks: number,
  change: () => Promise<void>,
): Promise<void> {
  if (signal.aborted) return;
  const expected = receiver.accepted() + webhooks;
  try {
    await change();
    for (const giveUpAt = performance.now() + sceneWithinMs; receiver.accepted() < expected;) {
      if (performance.now() > giveUpAt) throw new Error('Not all webhooks of this have come; going on.');
      await sleep(lookEveryMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) screen.trouble((error as Error).message);
  }
}

async function isUnknown({ api }: Stage, email: string): Promise<boolean> {
  const { users } = await api.call<{ users: { totalCount: number } }>(
    'query ($search: String!) { users(first: 1, search: $search) { totalCount } }',
    { search: email },
  );
  return users.totalCount === 0;
}

/** Resolves with the API as it answers her session. */
async function comeIn({ url, screen }: Stage): Promise<Api> {
  screen.act(`GET ${new URL(signInUrl(url)).pathname}`, `${hedy.name} signs in, as with a browser`);
  return createApi(url, await signIn(url, hedy.sub));
}

async function changeName({ screen }: Stage, session: Api): Promise<void> {
  const { me } = await session.call<{ me: { displayName: string } }>('{ me { displayName } }');
  const displayName = me.displayName === hedy.name ? 'Hedy Kiesler' : hedy.name;
  screen.act('updateProfile', `${me.displayName}: displayName → ${displayName}`);
  await session.call('mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { id } }', {
    input: { displayName },
  });
}

async function createUser({ api, screen }: Stage, person: Person): Promise<User> {
  screen.act('createUser', `${person.displayName} <${person.email}>`);
  const { createUser: user } = await api.call<{ createUser: { id: string } }>(
    'mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }',
    { input: person },
  );
  return { id: user.id, name: person.displayName };
}

async function updateUser({ api, screen }: Stage, user: User, change: Partial<Person>): Promise<void> {
  screen.act('updateUser', `${user.name}: ${Object.entries(change).flat().join(' → ')}`);
  await api.call('mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }', {
    id: user.id,
    input: change,
  });
}

async function deleteUser({ api, screen }: Stage, user: User): Promise<void> {
  screen.act('deleteUser', user.name);
  await api.call('mutation ($id: ID!) { deleteUser(id: $id) }', { id: user.id });
}

async function publishOrder({ api, screen }: Stage): Promise<void> {
  screen.act('publishWebhookEvents', 'order.paid');
  const event = { type: 'order.paid', subject: 'order-1', data: { order_id: 'order-1', total: '19.00' } };
  await api.call('mutation ($event: PublishWebhookEventInput!) { publishWebhookEvents(events: [$event]) { id } }', {
    event,
  });
}

async function sendTest({ api, screen }: Stage): Promise<void> {
  screen.act('sendTestWebhook', 'crm');
  await api.call('mutation { sendTestWebhook(endpointId: "crm") { id } }');
}
