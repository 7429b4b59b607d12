// The page at /account: who is signed in, by which providers, where else, and how to sign in or out.

import { html } from 'hono/html';
import type { OAuthAccount } from '../model/oauth-account.ts';
import type { Session } from '../model/session.ts';
import type { User } from '../model/user.ts';

/** Null: nobody is signed in. Undefined: unknown, for example while the database is away. */
export type Person = { user: User; accounts: readonly OAuthAccount[]; sessions: readonly Session[]; sessionId: string };

export type AccountPageOptions = {
  /** The path of the first page, with a trailing slash. */
  home: string;
  version: string;
  person: Person | null | undefined;
  providers: readonly { id: string; name: string }[];
};

/** Plain HTML without script or style, so that it works under the strictest policy. Addresses are relative to the page. */
export function accountPage({ home, version, person, providers }: AccountPageOptions) {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Your account: Tidings</title>
      <h1>Your account</h1>
      ${person === undefined ? html`<p>Who is signed in cannot be known at the moment. Try again.</p>` : ''}
      ${person === null ? strangersPart(providers) : ''} ${person ? personsPart(person, providers) : ''}
      <hr />
      <p>Tidings ${version}: webhooks that arrive in order, signed, and never get lost.</p>
      <ul>
        <li><a href="./">Dashboard</a>: endpoints, deliveries, events and users, for operators</li>
        <li><a href="graphiql">GraphiQL</a>: the API, with prepared operations</li>
        <li><code>${home}graphql</code>: the API for programs</li>
        <li><a href="healthz">${home}healthz</a> and <a href="readyz">${home}readyz</a>: for supervisors</li>
      </ul>
    </html> `;
}

/** What a person is called on our pages. */
export function shownName({ displayName, email, id }: Pick<User, 'displayName' | 'email' | 'id'>): string {
  return displayName ?? email ?? id;
}

function strangersPart(providers: AccountPageOptions['providers']) {
  return html`<p>Nobody is signed in.</p>
    ${providers.length === 0 ? html`<p>Nobody can sign in: config/oauth.yaml names no provider.</p>` : ''}
    <ul>
      ${providers.map(({ id, name }) => html`<li><a href="oauth/${id}">Sign in with ${name}</a></li> `)}
    </ul>`;
}

function personsPart({ user, accounts, sessions, sessionId }: Person, providers: AccountPageOptions['providers']) {
  const nameOf = (id: string | null) => providers.find((one) => one.id === id)?.name ?? id ?? 'an unknown provider';
  const linked = new Set(accounts.map(({ provider }) => provider));
  return html`<p>Signed in as <strong>${shownName(user)}</strong> (${user.role}).</p>
    ${signOut(sessionId)}
    <h2>Ways to sign in</h2>
    <ul>
      ${accounts.map(({ provider, linkedAt }) => html`<li>${nameOf(provider)}, since ${time(linkedAt)}</li> `)}
      ${providers
        .filter(({ id }) => !linked.has(id))
        .map(({ id, name }) => html`<li><a href="oauth/${id}?link=1">Link your account at ${name}</a></li> `)}
    </ul>
    <h2>Where you are signed in</h2>
    <ul>
      ${sessions.map(
        ({ id, provider, createdAt, lastSeenAt, expiresAt }) =>
          html`<li>
            ${id === sessionId ? html`<strong>Here</strong>: since` : 'Since'} ${time(createdAt)} with
            ${nameOf(provider ?? null)}, last seen ${time(lastSeenAt)}, until ${time(expiresAt)}.
            ${id === sessionId ? '' : signOut(id)}
          </li> `,
      )}
    </ul>`;
}

function signOut(sessionId: string) {
  return html`<form method="post" action="account">
    <button name="session" value="${sessionId}">Sign out</button>
  </form>`;
}

/** To the minute, in UTC. */
function time(at: Date) {
  const text = at.toISOString();
  return html`<time datetime="${text}">${text.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
