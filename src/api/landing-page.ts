// The page at `/`: who is signed in, how to sign in, and where to go from here.

import { html } from 'hono/html';
import type { Viewer } from './viewer.ts';

export type LandingPageOptions = {
  version: string;
  /** Null: nobody is signed in. Undefined: unknown, for example while the database is away. */
  viewer: Viewer | undefined;
  providers: readonly string[];
};

/** Plain HTML without script or style, so that it works under the strictest policy. Links are relative to the page. */
export function landingPage({ version, viewer, providers }: LandingPageOptions) {
  const user = viewer?.kind === 'user' ? viewer.user : null;
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Tidings</title>
      <h1>Tidings ${version}</h1>
      <p>Webhooks that arrive in order, signed, and never get lost.</p>
      <p>
        ${viewer === undefined ? 'Who is signed in cannot be known at the moment.' : ''}
        ${user ? html`Signed in as <strong>${user.displayName ?? user.email ?? user.id}</strong> (${user.role}).` : ''}
        ${viewer === null ? 'Nobody is signed in.' : ''}
      </p>
      <ul>
        ${providers.map((id) =>
          user
            ? html`<li><a href="oauth/${id}?link=1">Link your account at ${id}</a></li> `
            : html`<li><a href="oauth/${id}">Sign in with ${id}</a></li> `,
        )}
        <li><a href="graphiql">GraphiQL</a>: the API, with prepared operations</li>
        <li><code>/graphql</code>: the API for programs</li>
        <li><a href="healthz">/healthz</a> and <a href="readyz">/readyz</a>: for supervisors</li>
      </ul>
    </html> `;
}
