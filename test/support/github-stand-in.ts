// Speaks GitHub's side of a sign-in on a real socket, as its documentation describes it, and misbehaves when told to.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { loginPage } from '../../src/demo/login-page.ts';
import { openLoopbackServer, readForm } from '../../src/demo/loopback-server.ts';
import type { Answer } from './receiver/reply.ts';

/** As the REST API tells it; `login` is what the person types into the form. */
export type GitHubPerson = {
  id: number;
  login: string;
  name?: string | null;
  avatar_url?: string;
  /** The one shown on the person's page. */
  email?: string | null;
  emails?: { email: string; primary: boolean; verified: boolean }[];
};

export type GitHubEndpoint = 'token' | 'user' | 'emails';

export type GitHubStandIn = AsyncDisposable & {
  /** For `url` of the preset. */
  url: string;
  clientId: string;
  clientSecret: string;
  define(...people: GitHubPerson[]): void;
  /** What an endpoint answers instead of the truth; `hang` answers never. */
  misbehave: Partial<Record<GitHubEndpoint, Answer | 'hang'>>;
  /** Endpoints that were asked, in order. */
  requests: GitHubEndpoint[];
};

type Grant = { person: GitHubPerson; redirectUri: string; challenge: string; scopes: string[] };

const paths: Record<string, GitHubEndpoint> = {
  '/login/oauth/access_token': 'token',
  '/api/v3/user': 'user',
  '/api/v3/user/emails': 'emails',
};

export async function openGitHub({ people = [] }: { people?: readonly GitHubPerson[] } = {}): Promise<GitHubStandIn> {
  const known = new Map(people.map((person) => [person.login, person]));
  const codes = new Map<string, Grant>();
  const tokens = new Map<string, Grant>();
  const client = { clientId: `client-${randomUUID()}`, clientSecret: randomBytes(20).toString('hex') };
  const requests: GitHubEndpoint[] = [];
  const server = await openLoopbackServer();
  server.answerWith((request, response) => void serve(request, response));
  const standIn: GitHubStandIn = {
    ...client,
    url: server.url,
    define: (...more) => more.forEach((person) => known.set(person.login, person)),
    misbehave: {},
    requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return standIn;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', server.url);
    const form = await readForm(request);
    const endpoint = paths[url.pathname];
    if (url.pathname === '/login/oauth/authorize') {
      authorize(url, form.get('login'), response);
      return;
    }
    if (endpoint === undefined) {
      json(response, { message: 'Not Found' }, 404);
      return;
    }
    requests.push(endpoint);
    const instead = standIn.misbehave[endpoint];
    if (instead === 'hang') return;
    if (instead) response.writeHead(instead.status ?? 200, instead.headers).end(instead.body ?? '');
    else if (endpoint === 'token') json(response, exchange(form));
    else tell(endpoint, request, response);
  }

  /** The scope, the challenge and the redirect URI are kept with the code. */
  function authorize({ pathname, search, searchParams }: URL, login: string | null, response: ServerResponse): void {
    const person = known.get(login ?? '');
    if (!person) {
      const page = loginPage({ title: 'Sign in to GitHub', action: `${pathname}${search}` });
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
      return;
    }
    const of = (name: string) => searchParams.get(name) ?? '';
    const code = randomBytes(10).toString('hex');
    const [redirectUri, challenge] = [of('redirect_uri'), of('code_challenge')];
    codes.set(code, { person, redirectUri, challenge, scopes: of('scope').split(' ') });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', of('state'));
    response.writeHead(302, { location: back.href }).end();
  }

  /** GitHub refuses with HTTP 200. */
  function exchange(form: URLSearchParams): object {
    const grant = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    if (form.get('client_id') !== client.clientId || form.get('client_secret') !== client.clientSecret) {
      return { error: 'incorrect_client_credentials', error_description: 'The client_id and/or client_secret …' };
    }
    if (!grant || s256(form.get('code_verifier') ?? '') !== grant.challenge) {
      return { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' };
    }
    if (form.get('redirect_uri') !== grant.redirectUri) return { error: 'redirect_uri_mismatch' };
    const token = `gho_${randomBytes(18).toString('hex')}`;
    tokens.set(token, grant);
    return { access_token: token, token_type: 'bearer', scope: grant.scopes.join(',') };
  }

  function tell(endpoint: 'user' | 'emails', { headers }: IncomingMessage, response: ServerResponse): void {
    const grant = tokens.get(headers.authorization?.replace(/^Bearer /, '') ?? '');
    if (!headers['user-agent']) return json(response, { message: 'Request forbidden' }, 403);
    if (!grant) return json(response, { message: 'Bad credentials' }, 401);
    const { emails = [], ...profile } = grant.person;
    if (endpoint === 'user') return json(response, profile);
    if (!grant.scopes.includes('user:email')) return json(response, { message: 'Not Found' }, 404);
    return json(response, emails);
  }
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

function s256(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
