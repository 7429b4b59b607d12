// The REST part of sign-in: sends browsers to the provider and back, with the same functions as GraphQL.

import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { Refusal } from '../policy/refusal.ts';
import type { Sessions } from '../users/sessions.ts';
import type { SignIn, Start } from '../users/sign-in.ts';
import { shownName } from './account-page.ts';
import { linkPage, linkPagePolicy } from './link-page.ts';
import { callbackRoute, linkRoute, startRoute } from './oauth-contract.ts';
import { ownAddress } from './own-host.ts';
import { prefersJson } from './preferences.ts';
import { answerRefused, homeOf, tooManyStarts } from './refused.ts';
import type { Cookies } from './session-cookie.ts';
import { startByQuery, startOf } from './start-again.ts';
import { type Asking, type SignedInViewer, needUser } from './viewer.ts';

export type OAuthRoutesOptions = {
  signIn: SignIn;
  sessions: Pick<Sessions, 'formTokenOf' | 'isFormToken'>;
  asking(request: Request): Promise<Asking>;
  cookies: Cookies;
  publicUrl: () => string;
  /** Origins to which a browser may be sent at the end. */
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

  const takes =
    (methods: string): MiddlewareHandler =>
    async (c, next) => {
      // Hono answers HEAD as GET, but a HEAD must not finish a sign-in.
      if (c.req.raw.method === 'HEAD') return c.body(null, 405, { Allow: methods });
      if (options.isDraining()) {
        return await refuse(c, new Refusal('UNAVAILABLE', 'The service is ending: try again in a moment.'));
      }
      return await next();
    };

  async function viewerOf(c: Context): Promise<SignedInViewer | null> {
    const { viewer } = await options.asking(c.req.raw);
    return viewer?.kind === 'user' ? viewer : null;
  }

  /** Any page can send a browser here with the session's cookie, so nothing begins before the person says so. */
  async function askToLink(c: Context, wanted: Pick<Start, 'provider' | 'redirectTo'>) {
    const { name, redirectTo } = signIn.preview(wanted);
    const { user, sessionId } = needUser(await viewerOf(c));
    const home = homeOf(options.publicUrl());
    const start = startOf({ provider: wanted.provider, redirectTo, purpose: { kind: 'link', userId: user.id } });
    c.header('Content-Security-Policy', linkPagePolicy);
    // Without a referrer a browser would not say that the form comes from here.
    c.header('Referrer-Policy', 'same-origin');
    const page = linkPage({
      provider: name,
      person: shownName(user),
      action: `${home}${start}`,
      token: options.sessions.formTokenOf(sessionId),
      home,
    });
    return c.html(page);
  }

  const routes = new OpenAPIHono({
    defaultHook(result, c) {
      if (result.success) return undefined;
      const [issue] = result.error.issues;
      return refuse(c, new Refusal('BAD_USER_INPUT', `${issue?.path.join('.')}: must be given once, and rightly.`));
    },
  });
  routes.onError((error, c) => {
    // Of Hono, for a form that is none.
    if (error instanceof HTTPException) return refuse(c, new Refusal('BAD_USER_INPUT', 'The body is no form.'));
    if (!(error instanceof Refusal)) throw error;
    return refuse(c, error);
  });
  routes.use('/oauth/:provider', takes('GET, POST'));
  routes.use('/oauth/:provider/callback', takes('GET'));

  routes.openapi(startRoute, async (c) => {
    const { provider } = c.req.valid('param');
    const { redirect_to: redirectTo = null, link, invitation } = c.req.valid('query');
    const elsewhere = ownAddress(c, options);
    if (elsewhere !== null) return c.redirect(elsewhere, 302);
    if (invitation !== undefined && (link !== undefined || redirectTo !== null)) {
      throw new Refusal('BAD_USER_INPUT', 'invitation: says all there is to say; give neither link nor redirect_to.');
    }
    if (link !== undefined) return await askToLink(c, { provider, redirectTo });
    const wait = await options.countStart(c);
    if (wait !== null) return await refuse(c, tooManyStarts(wait), wait);

    const { key: browser, setCookie } = cookies.keepBrowserKey(c.req.raw);
    const started =
      invitation === undefined
        ? await signIn.start({ provider, redirectTo, purpose: { kind: 'sign-in' }, browser })
        : await signIn.accept({ provider, invitation, browser });
    c.header('Set-Cookie', setCookie);
    return prefersJson(c.req.raw) ? c.json(started, 200) : c.redirect(started.url, 302);
  });

  routes.openapi(linkRoute, async (c) => {
    const { provider } = c.req.valid('param');
    const { redirect_to: redirectTo = null } = c.req.valid('query');
    const { user, sessionId } = needUser(await viewerOf(c));
    if (!options.sessions.isFormToken(c.req.valid('form').token, sessionId)) {
      throw new Refusal(
        'FORBIDDEN',
        'A link begins on the page that asks, and this did not come from that of your session.',
      );
    }
    const wait = await options.countStart(c);
    if (wait !== null) return await refuse(c, tooManyStarts(wait), wait);
    const { key: browser, setCookie } = cookies.keepBrowserKey(c.req.raw);
    const started = await signIn.start({ provider, redirectTo, purpose: { kind: 'link', userId: user.id }, browser });
    c.header('Set-Cookie', setCookie);
    return prefersJson(c.req.raw) ? c.json(started, 200) : c.redirect(started.url, 303);
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
