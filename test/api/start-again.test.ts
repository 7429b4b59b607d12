// "Start again" on the page of a refused sign-in: it keeps all that was begun.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Door, signInAs } from './door.ts';
import { type Shim, cookiesOf, friend, html, openShim, publicUrl, sessionCookie, startAgain } from './shim.ts';

let shim: Shim;
let door: Door;
beforeAll(async () => {
  shim = await openShim();
  ({ door } = shim);
});
beforeEach(() => shim.wait(null));
afterAll(async () => await shim[Symbol.asyncDispose]());

/** An invitation for a new user: its address below this service. */
async function invite(redirectTo: string | null = null): Promise<string> {
  const { id } = await signInAs(door, 'USER');
  const asking =
    'mutation ($id: ID!, $to: String) { startOAuth(provider: "google", userId: $id, redirectTo: $to) { url } }';
  const { data } = await door.ask(asking, { id, to: redirectTo });
  return (data.startOAuth as { url: string }).url.slice(publicUrl.length);
}

type Begins = { path: () => Promise<string>; leadsTo?: string; signedIn?: boolean };

const beginnings: Record<string, Begins> = {
  'a sign-in': { path: async () => '/oauth/google' },
  'a sign-in with a redirect': {
    path: async () => '/oauth/google?redirect_to=/a?b%3Dc',
    leadsTo: `/oauth/google?${new URLSearchParams({ redirect_to: `${publicUrl}/a?b=c` })}`,
  },
  'a link': { path: async () => '/oauth/google?link=1', signedIn: true },
  'a link with a redirect': {
    path: async () => `/oauth/google?link=1&redirect_to=${friend}/settings`,
    leadsTo: `/oauth/google?${new URLSearchParams({ link: '1', redirect_to: `${friend}/settings` })}`,
    signedIn: true,
  },
  'an invitation': { path: async () => await invite() },
  'an invitation with a redirect': { path: async () => await invite('/welcome') },
};

test.each(Object.entries(beginnings))(
  '%s that is cancelled, fails or comes too late leads back to itself, and then succeeds',
  async (_, { path, leadsTo, signedIn = false }) => {
    const { token } = await signInAs(door, 'USER');
    const session: Record<string, string> = signedIn ? { cookie: `${sessionCookie}=${token}` } : {};
    const began = await path();
    let to = began;
    const failures = [
      (state: string) => `/oauth/google/callback?${new URLSearchParams({ error: 'access_denied', state })}`,
      (state: string) => `/oauth/google/callback?${new URLSearchParams({ code: 'unknown', state })}`,
    ];
    for (const failing of [...failures, null]) {
      const { state, back, cookie } = await shim.begin({ path: to, subject: crypto.randomUUID(), headers: session });
      const own = { ...html, cookie: [cookie, session['cookie']].filter(Boolean).join('; ') };
      if (failing === null) {
        expect((await shim.get(back, own)).status).toBe(303);
        // It was finished: whoever comes back by the browser's history is led on all the same.
        const again = await shim.get(back, own);
        expect([again.status, startAgain(await again.text())]).toEqual([400, leadsTo ?? began]);
      } else {
        const refused = await shim.get(failing(state), own);
        expect(refused.status).toBe(400);
        to = startAgain(await refused.text())!;
        expect(to).toBe(leadsTo ?? began);
      }
    }
  },
);

test('a refused beginning keeps what was asked for: while the provider is away, after too many, without a session', async () => {
  const wanted = '/oauth/google?link=1&redirect_to=%2Fa';
  const unknown = await shim.get(wanted);
  expect([unknown.status, startAgain(await unknown.text())]).toEqual([401, wanted]);
  const { token } = await signInAs(door, 'USER');
  const session = { ...html, cookie: `${sessionCookie}=${token}` };
  const asking = await (await shim.get(wanted, session)).text();
  const invitation = await invite();
  shim.wait(17);
  for (const [path, late] of [
    [
      `/oauth/google?${new URLSearchParams({ link: '1', redirect_to: `${publicUrl}/a` })}`,
      await shim.press(asking, session),
    ],
    [invitation, await shim.get(invitation)],
  ] as const) {
    expect([late.status, startAgain(await late.text())]).toEqual([429, path]);
  }
});

test('an invitation that another browser took up leads nobody to itself, and not to a sign-in as a stranger', async () => {
  const { back } = await shim.begin({ path: await invite(), subject: 'invited' });
  const other = await shim.begin();
  for (const cookie of ['', other.cookie]) {
    const response = await shim.get(back, { ...html, cookie });
    const page = await response.text();
    expect([response.status, startAgain(page)]).toEqual([400, null]);
    expect(page).toContain('Open the invitation again.');
    expect(page).not.toMatch(/invitation=/);
  }
});

test('a stranger by mistake deletes that user, starts the invitation again, and is joined', async () => {
  const path = await invite('/welcome');
  const come = async (from: string) => {
    const { back, cookie } = await shim.begin({ path: from, subject: 'mistaken' });
    return await shim.get(back, { ...html, cookie });
  };
  const tokenOf = (response: Response) => cookiesOf(response)[sessionCookie]!.value;
  const me = async (token: string) =>
    (await door.ask('{ me { id displayName } }', {}, { authorization: `Bearer ${token}` })).data.me as { id: string };
  const stranger = tokenOf(await come('/oauth/google'));
  const { id } = await me(stranger);

  const refused = await come(path);
  const page = await refused.text();
  expect([refused.status, startAgain(page)]).toEqual([409, path]);
  expect(page).toContain(`id ${id}`);

  await door.ask('mutation { deleteAccount }', {}, { authorization: `Bearer ${stranger}` });
  const joined = await come(startAgain(page)!);
  expect([joined.status, joined.headers.get('location')]).toEqual([303, `${publicUrl}/welcome`]);
  // The user that `invite` made.
  expect(await me(tokenOf(joined))).toMatchObject({ displayName: 'USER' });
});
