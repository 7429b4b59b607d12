// A person comes, comes again, links, unlinks, changes and goes: by browser and by program, at real providers.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { reportOnFailure } from '../support/failure-report.ts';
import { type GitHubStandIn, openGitHub } from '../support/github-stand-in.ts';
import { type Browser, openBrowser } from '../../src/demo/oauth-browser.ts';
import { type OpenIdProvider, openOpenIdProvider } from '../../src/demo/openid-provider.ts';
import { type Stage, openStage } from '../support/stage.ts';

let stage: Stage;
let google: OpenIdProvider;
let github: GitHubStandIn;

beforeAll(async () => {
  const ada = {
    sub: 'ada',
    email: 'ada@example.com',
    email_verified: true,
    name: 'Ada',
    picture: 'https://ex.co/a.png',
  };
  google = await openOpenIdProvider({ accounts: [ada] });
  // Without verified e-mail and under another name: neither makes two accounts one, and neither keeps them apart.
  github = await openGitHub({ people: [{ id: 77, login: 'lovelace', name: 'A. L.', email: 'ada@example.com' }] });
  stage = await openStage();
  const providers = [
    { id: 'google', issuer: google.issuer, client_id: google.clientId, client_secret: 'google_secret' },
    { id: 'github', preset: 'github', url: github.url, client_id: github.clientId, client_secret: 'github_secret' },
  ];
  const { path } = stage.place;
  await writeFile(join(path, 'config', 'oauth.yaml'), JSON.stringify({ providers }));
  await writeFile(join(path, 'secrets', 'google_secret'), google.clientSecret);
  await writeFile(join(path, 'secrets', 'github_secret'), github.clientSecret);
  await stage.place.configure([stage.endpoint('crm')]);
  const { url } = await stage.start();
  google.allow(`${url}/oauth/google/callback`);
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await google[Symbol.asyncDispose]();
  await github[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

const logins = { google: 'ada', github: 'lovelace' };
type ProviderId = keyof typeof logins;

/** How somebody deals with the service. */
type Person = {
  signIn(provider: ProviderId): Promise<void>;
  link(provider: ProviderId): Promise<void>;
  /** As whoever is signed in; the answer to the only field. */
  ask<T>(query: string, variables?: object): Promise<T>;
  /** What `me` is once the session has ended: a cookie is no longer there, and a token is refused. */
  afterwards: null | 'UNAUTHENTICATED';
};

async function post<T>(send: Browser['request'], query: string, variables: object, token?: string): Promise<T> {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const init = { method: 'POST', headers, body: JSON.stringify({ query, variables }) };
  const response = await send(`${stage.service().url}/graphql`, init);
  const answer = (await response.json()) as { data: Record<string, T>; errors?: { extensions: { code: string } }[] };
  const { data, errors } = answer;
  if (errors) throw Object.assign(new Error(JSON.stringify(errors)), errors[0]!.extensions);
  return Object.values(data)[0]!;
}

/** Goes from page to page, and knows nothing of tokens. */
function byBrowser(): Person {
  const browser = openBrowser();
  const go = async (provider: ProviderId, link: string) => {
    const { url } = stage.service();
    const from = `${url}/oauth/${provider}?redirect_to=/graphiql${link}`;
    const end = await browser.signIn(from, { login: logins[provider], stopAt: `${url}/graphiql` });
    expect(end.href).toBe(`${url}/graphiql`);
  };
  return {
    signIn: (provider) => go(provider, ''),
    link: (provider) => go(provider, '&link=1'),
    ask: async (query, variables = {}) => await post(browser.request, query, variables),
    afterwards: null,
  };
}

/** Sends somebody's browser to the provider, takes code and state from where it ends, and holds the token. */
function byProgram(): Person {
  let token: string | undefined;
  const browser = openBrowser();
  const ask = async <T>(query: string, variables: object = {}) => await post<T>(fetch, query, variables, token);
  const go = async (provider: ProviderId, link: boolean) => {
    const started = await ask<{ url: string; state: string }>(
      'mutation ($provider: String!, $link: Boolean!) { startOAuth(provider: $provider, link: $link) { url state } }',
      { provider, link },
    );
    const stopAt = `${stage.service().url}/oauth/${provider}/callback`;
    const { searchParams } = await browser.signIn(started.url, { login: logins[provider], stopAt });
    const [code, state] = [searchParams.get('code'), searchParams.get('state')];
    expect(state).toBe(started.state);
    const session = await ask<{ token: string }>(
      `mutation ($provider: String!, $code: String!, $state: String!) {
        completeOAuth(provider: $provider, code: $code, state: $state) { token expiresAt user { id } }
      }`,
      { provider, code, state },
    );
    if (link) expect(session.token).toBe(token);
    token = session.token;
  };
  return {
    afterwards: 'UNAUTHENTICATED',
    signIn: (provider) => go(provider, false),
    link: (provider) => go(provider, true),
    ask,
  };
}

const accounts = '{ me { id oauthAccounts { provider subject } } }';
const rename = 'mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { displayName avatarUrl } }';

/** Everything that there is to do, once; the id of who did it. */
async function live(person: Person): Promise<string> {
  await person.signIn('google');
  await person.signIn('google');
  await person.link('github');
  const me = await person.ask<{ id: string; oauthAccounts: object[] }>(accounts);
  expect(me.oauthAccounts).toEqual([
    { provider: 'google', subject: 'ada' },
    { provider: 'github', subject: '77' },
  ]);
  const left = await person.ask('mutation { unlinkOAuth(provider: "google") { oauthAccounts { provider } } }');
  expect(left).toEqual({ oauthAccounts: [{ provider: 'github' }] });
  await person.signIn('github');
  const input = { displayName: 'Countess', avatarUrl: null };
  for (const _ of ['changes something', 'changes nothing']) {
    expect(await person.ask(rename, { input })).toEqual(input);
  }
  expect(await person.ask('mutation { deleteAccount }')).toBe(true);
  const asked = person.ask('{ me { id } }').catch((error: unknown) => (error as { code?: string }).code);
  expect(await asked).toBe(person.afterwards);
  return me.id;
}

test.each([
  ['browser', byBrowser],
  ['program', byProgram],
])(
  'by %s: sign up, sign in, link, unlink, sign in by the other, update and delete are events in that order, with data',
  async (_, person) => {
    const before = (await stage.log()).length;
    const user_id = await live(person());
    const known = { user_id, email: 'ada@example.com', display_name: 'Ada', provider: 'google' };
    const told = [
      ['user.created', known],
      ['user.login', known],
      ['user.login', known],
      ['user.oauth_linked', { user_id, provider: 'github' }],
      ['user.oauth_unlinked', { user_id, provider: 'google' }],
      ['user.login', { ...known, provider: 'github' }],
      [
        'user.updated',
        { user_id, changed: ['avatar_url', 'display_name'], avatar_url: null, display_name: 'Countess' },
      ],
      ['user.deleted', { user_id }],
    ];
    // Everything that came to the receiver is this, byte for byte and in this order.
    expect(await stage.judge({ endpoints: ['crm'], acknowledged: [], crashes: 0 })).toEqual([]);
    const log = (await stage.log()).slice(before);
    expect(log.map(({ payload }) => JSON.parse(payload) as { event_type: string; data: object })).toMatchObject(
      told.map(([event_type, data]) => ({ event_type, data })),
    );
    expect(log.map(({ payload }) => (JSON.parse(payload) as { data: object }).data)).toEqual(
      told.map(([, data]) => data),
    );
    expect(
      stage.receiver
        .of('crm')
        .slice(before)
        .map(({ type }) => type),
    ).toEqual(told.map(([type]) => type));
    const [left] = await stage.query(
      `select (select count(*)::int from users) as users, (select count(*)::int from oauth_accounts) as accounts,
              (select count(*)::int from sessions) as sessions`,
    );
    expect(left).toEqual({ users: 0, accounts: 0, sessions: 0 });
  },
);
