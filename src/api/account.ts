// People's own page, and the form on it that signs a browser out.

import type { MikroORM } from '@mikro-orm/postgresql';
import { type Context, Hono } from 'hono';
import { Refusal } from '../policy/refusal.ts';
import { accountsOf } from '../users/accounts.ts';
import { sessionsOf } from '../users/sessions.ts';
import type { SignIn } from '../users/sign-in.ts';
import { type Person, accountPage } from './account-page.ts';
import { answerRefused, homeOf, pagePolicy } from './refused.ts';
import type { Cookies } from './session-cookie.ts';
import { type Asking, type Viewers, needUser } from './viewer.ts';

export type AccountRoutesOptions = {
  orm: MikroORM;
  signIn: SignIn;
  viewers: Viewers;
  cookies: Pick<Cookies, 'noSession'>;
  publicUrl: () => string;
  version: string;
};

/** With a form that comes back here. */
const accountPolicy = pagePolicy.replace("form-action 'none'", "form-action 'self'");

/** `/account`. */
export function accountRoutes(options: AccountRoutesOptions): Hono {
  const { signIn, publicUrl, viewers } = options;
  const address = () => `${homeOf(publicUrl())}account`;

  const signedIn = ({ viewer }: Asking) => (viewer?.kind === 'user' ? viewer : null);

  async function personOf(c: Context): Promise<Person | null> {
    const viewer = signedIn(await viewers.asking(c.req.raw));
    if (viewer === null) return null;
    const { user, sessionId } = viewer;
    const em = options.orm.em.fork();
    const [accounts = []] = await accountsOf(em, [user.id]);
    const [sessions = []] = await sessionsOf(em, [user.id], new Date());
    return { user, accounts, sessions, sessionId };
  }

  const routes = new Hono();
  routes.onError((error, c) => {
    if (!(error instanceof Refusal)) throw error;
    return answerRefused(c, error, { again: null, home: homeOf(publicUrl()) });
  });

  routes.get('/account', async (c) => {
    const person = await personOf(c).catch(() => undefined);
    c.header('Content-Security-Policy', accountPolicy);
    // Without a referrer a browser would not say that the form comes from here.
    c.header('Referrer-Policy', 'same-origin');
    const { version } = options;
    return c.html(accountPage({ home: homeOf(publicUrl()), version, person, providers: signIn.providers }));
  });

  routes.post('/account', async (c) => {
    const { session }: Record<string, unknown> = await c.req.parseBody().catch(() => ({}));
    // The form may take its time to come, and its session may end meanwhile.
    const { user, sessionId } = needUser(signedIn(await viewers.askAgain(c.req.raw)));
    if (typeof session !== 'string') throw new Refusal('BAD_USER_INPUT', 'session: must be the id of a session.');
    if (session === sessionId) {
      await signIn.logout(sessionId);
      c.header('Set-Cookie', options.cookies.noSession());
    } else {
      await signIn.revoke(session, user.id).catch(unlessEnded);
    }
    return c.redirect(address(), 303);
  });
  return routes;
}

/** Whoever presses twice wants no more than once. */
function unlessEnded(error: unknown): void {
  if (!(error instanceof Refusal) || error.code !== 'NOT_FOUND') throw error;
}
