// A real OpenID provider on loopback: oidc-provider, with a login page of its own and made-up accounts.

import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import Provider, { type AdapterPayload, type Configuration, interactionPolicy } from 'oidc-provider';
import { loginPage, loginPageHeaders } from './login-page.ts';
import { openLoopbackServer, readForm } from './loopback-server.ts';
import { memoryAdapter } from './memory-adapter.ts';

/** `sub` is what the login form posts. */
export type Account = { sub: string; email?: string; email_verified?: boolean; name?: string; picture?: string };

export type OpenIdProvider = AsyncDisposable & {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Adds or replaces accounts; only known accounts can sign in. */
  define(...accounts: Account[]): void;
  /** Allows these redirect URIs as well. */
  allow(...redirectUris: string[]): void;
  /** Requested paths in order, without queries. */
  requests: string[];
};

const scopes = 'openid email profile';
const lifetimeS = 600;

/** Known accounts sign in without a password, and the login page is shown each time. */
export async function openOpenIdProvider({
  accounts = [],
  redirectUris = [],
}: {
  accounts?: readonly Account[];
  redirectUris?: readonly string[];
} = {}): Promise<OpenIdProvider> {
  const known = new Map<string, Account>();
  const clients = new Map<string, AdapterPayload>();
  const requests: string[] = [];
  const [clientId, clientSecret] = [`client-${randomUUID()}`, randomBytes(32).toString('base64url')];
  const allowed = new Set<string>();
  const define = (...more: Account[]) => more.forEach((account) => known.set(account.sub, account));
  const allow = (...more: string[]) => {
    more.forEach((uri) => allowed.add(uri));
    clients.set(clientId, {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [...allowed],
    });
  };
  define(...accounts);
  allow(...redirectUris);

  const server = await openLoopbackServer();
  const provider = new Provider(server.url, configuration(known, clients));
  const answer = provider.callback();
  server.answerWith((request, response) => {
    const path = new URL(request.url ?? '/', server.url).pathname;
    requests.push(path);
    if (path.startsWith('/interaction/')) void askForLogin(provider, known, request, response).catch(refuse(response));
    else void answer(request, response);
  });
  return {
    issuer: server.url,
    clientId,
    clientSecret,
    define,
    allow,
    requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Every setting whose default the library warns about is set here. */
function configuration(
  accounts: ReadonlyMap<string, Account>,
  clients: ReadonlyMap<string, AdapterPayload>,
): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    adapter: memoryAdapter(clients),
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
    clientBasedCORS: () => false,
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    findAccount: (_context, sub) => {
      const account = accounts.get(sub);
      return account && { accountId: sub, claims: () => account };
    },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}`, policy: alwaysAsking() },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
    // No consent page: signing in is consent.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! });
      grant.addOIDCScope(scopes);
      await grant.save();
      return grant;
    },
    pkce: { required: () => true },
    renderError: (context, { error }) => {
      context.type = 'text/plain';
      context.body = `error: ${error}`;
    },
    scopes: scopes.split(' '),
    ttl: {
      AccessToken: lifetimeS,
      AuthorizationCode: lifetimeS,
      Grant: lifetimeS,
      IdToken: lifetimeS,
      Interaction: lifetimeS,
      Session: lifetimeS,
    },
  };
}

/** Without it the last user of the browser would be signed in again. */
function alwaysAsking(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const ask = ({ oidc }: { oidc: { result?: { login?: unknown } } }) => oidc.result?.login === undefined;
  policy.get('login')!.checks.add(new interactionPolicy.Check('always', 'everybody is asked', 'login_required', ask));
  return policy;
}

/** An unknown login is asked again. */
async function askForLogin(
  provider: Provider,
  accounts: ReadonlyMap<string, Account>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response);
  const form = request.method === 'POST' ? await readForm(request) : new URLSearchParams();
  const login = form.get('login') ?? '';
  if (form.has('deny')) {
    await provider.interactionFinished(request, response, { error: 'access_denied' });
  } else if (accounts.has(login)) {
    await forgetSession(provider, interaction);
    await provider.interactionFinished(request, response, { login: { accountId: login } });
  } else {
    const people = [...accounts.values()].map(({ sub, name = sub, email = '' }) => ({ login: sub, name, email }));
    response.writeHead(200, { ...loginPageHeaders, 'cache-control': 'no-store' });
    response.end(loginPage({ title: 'Who are you?', action: request.url ?? '', people }));
  }
}

/** The answer to a stale or invalid address. */
function refuse(response: ServerResponse): (error: unknown) => void {
  return (error) => {
    response.writeHead(400, { 'content-type': 'text/plain' }).end(`${(error as Error).message}\n`);
  };
}

/** The library does not let a session change its user without a logout, so the old session is deleted. */
async function forgetSession(
  provider: Provider,
  interaction: Awaited<ReturnType<Provider['interactionDetails']>>,
): Promise<void> {
  if (!interaction.session) return;
  await (await provider.Session.findByUid(interaction.session.uid))?.destroy();
  delete interaction.session;
  await interaction.save(lifetimeS);
}
