// The REST part of sign-in: sends browsers to the provider and back, with the same functions as GraphQL.

import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { Refusal } from '../policy/refusal.ts';
import type { SignIn } from '../users/sign-in.ts';
import { callbackRoute, startRoute } from './oauth-contract.ts';
import { ownAddress } from './own-host.ts';
import { prefersJson } from './preferences.ts';
import { answerRefused, homeOf, tooManyStarts } from './refused.ts';
import type { Cookies } from './session-cookie.ts';
import { startByQuery, startOf } from './start-again.ts';
import { type Asking, type SignedInViewer, needUser } from './viewer.ts';

export type OAuthRoutesOptions = {
  signIn: SignIn;
  asking(request: Request): Promise<Asking>;
  cookies: Cookies;
  publicUrl: () => string;
  /** Origins whose pages may send a signed-in browser here to link an account. */
  allowedOrigins: readonly string[];
  trustProxy: boolean;
  isDraining(): boolean;
  /** Counts a sign-in begun by this request's client: null while it may go on, else the seconds until it may. */
  countStart(c: Context): Promise<number | null>;
};

/** `/oauth/:provider` and its callback. */
export function oauthRoutes(options: OAuthRoutesOptions): OpenAPIHono {
  const { signIn, cookies } = options;

  /** Answers a refused sign-in, before or after the provider. */
  async function refuse(c: Context, refusal: Refusal, retryAfterSeconds: number | null = null) {
    const home = homeOf(options.publicUrl());
    const again = await againOf(c, refusal);
    return answerRefused(c, refusal, { again: again && `${home}${again}`, home, retryAfterSeconds });
  }

  /** Null where a new beginning would be another one, such as a sign-in as a stranger in place of an invitation. */
  async function againOf(c: Context, { code }: Refusal): Promise<string | null> {
    const provider = signIn.providers.find(({ id }) => id === c.req.param('provider'))?.id;
    if (provider === undefined) return null;
    const { pathname, searchParams } = new URL(c.req.url);
    if (pathname.endsWith('/callback')) {
      const begun = await signIn.begunBy(searchParams.get('state') ?? '', cookies.browserKey(c.req.raw));
      return begun === 'hidden' ? null : begun === null ? `oauth/${provider}` : startOf(begun);
    }
    const { allowedOrigins } = options;
    const isUnfit = code === 'BAD_USER_INPUT' && [...searchParams.keys()].join() === 'invitation';
    return isUnfit ? null : startByQuery(provider, searchParams, { publicUrl: options.publicUrl(), allowedOrigins });
  }

  const onlyGet: MiddlewareHandler = async (c, next) => {
    // Hono answers HEAD as GET, but a HEAD must not finish a sign-in.
    if (c.req.raw.method === 'HEAD') return c.body(null, 405, { Allow: 'GET' });
    if (options.isDraining()) {
      return await refuse(c, new Refusal('UNAVAILABLE', 'The service is ending: try again in a moment.'));
    }
    return await next();
  };

  async function viewerOf(c: Context): Promise<SignedInViewer | null> {
    const { viewer } = await options.asking(c.req.raw);
    return viewer?.kind === 'user' ? viewer : null;
  }

  const routes = new OpenAPIHono({
    defaultHook(result, c) {
      if (result.success) return undefined;
      const [issue] = result.error.issues;
      return refuse(c, new Refusal('BAD_USER_INPUT', `${issue?.path.join('.')}: must be given once, and rightly.`));
    },
  });
  routes.onError((error, c) => {
    if (!(error instanceof Refusal)) throw error;
    return refuse(c, error);
  });
  routes.use('/oauth/:provider', onlyGet);
  routes.use('/oauth/:provider/callback', onlyGet);

  routes.openapi(startRoute, async (c) => {
    const { provider } = c.req.valid('param');
    const { redirect_to: redirectTo = null, link, invitation } = c.req.valid('query');
    const elsewhere = ownAddress(c, options);
    if (elsewhere !== null) return c.redirect(elsewhere, 302);
    if (invitation !== undefined && (link !== undefined || redirectTo !== null)) {
      throw new Refusal('BAD_USER_INPUT', 'invitation: says all there is to say; give neither link nor redirect_to.');
    }
    if (link !== undefined)
      refuseForeignPage(c.req.raw, [new URL(options.publicUrl()).origin, ...options.allowedOrigins]);
    const wait = await options.countStart(c);
    if (wait !== null) return await refuse(c, tooManyStarts(wait), wait);

    const { key: browser, setCookie } = cookies.keepBrowserKey(c.req.raw);
    const begin = async () => {
      if (invitation !== undefined) return await signIn.accept({ provider, invitation, browser });
      const purpose = link
        ? ({ kind: 'link', userId: needUser(await viewerOf(c)).user.id } as const)
        : ({ kind: 'sign-in' } as const);
      return await signIn.start({ provider, redirectTo, purpose, browser });
    };
    const started = await begin();
    c.header('Set-Cookie', setCookie);
    return prefersJson(c.req.raw) ? c.json(started, 200) : c.redirect(started.url, 302);
  });

  routes.openapi(callbackRoute, async (c) => {
    const { session, redirectTo } = await signIn.complete({
      provider: c.req.valid('param').provider,
      answer: new URL(c.req.url).searchParams,
      signedIn: await viewerOf(c),
      browser: cookies.browserKey(c.req.raw),
      entrance: 'shim',
    });
    const { token, expiresAt, user } = session;
    c.header('Set-Cookie', cookies.session(token, expiresAt, new Date()));
    if (!prefersJson(c.req.raw)) return c.redirect(redirectTo ?? `${options.publicUrl()}/account`, 303);
    const { id, email, displayName, avatarUrl, role } = user;
    const shown = { id, email, displayName, avatarUrl, role };
    return c.json({ token, expiresAt: expiresAt.toISOString(), user: shown }, 200);
  });
  return routes;
}

/**
 * Any page can send a browser here with the session's cookie (SameSite=Lax allows navigations). So a link may be begun
 * only by our own pages, by allowed pages of the same site, or by the person (Fetch Metadata, section 2.3). Throws
 * Refusal FORBIDDEN.
 */
function refuseForeignPage({ headers }: Request, allowed: readonly string[]): void {
  const site = headers.get('sec-fetch-site') ?? 'none';
  if (site === 'none' || site === 'same-origin') return;
  const from = URL.parse(headers.get('referer') ?? '')?.origin;
  if (site === 'same-site' && from !== undefined && allowed.includes(from)) return;
  throw new Refusal('FORBIDDEN', 'A page of another origin may not begin a link. Begin it here.');
}
