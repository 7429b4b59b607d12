// The page that asks before a link begins, because any page can send a signed-in browser to its address.

import { html } from 'hono/html';

export type LinkPageOptions = {
  /** What people read of the provider. */
  provider: string;
  /** Who is signed in. */
  person: string;
  /** Where the form is posted to, with the field `token`. */
  action: string;
  token: string;
  home: string;
};

/**
 * No script, no style, and no frame, in which another page could hide the button. There is no rule for the form: it leads
 * to the provider, and browsers hold a form's rule against each redirect that follows.
 */
export const linkPagePolicy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

export function linkPage({ provider, person, action, token, home }: LinkPageOptions) {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Link an account: Tidings</title>
      <h1>Link an account at ${provider}?</h1>
      <p>You are signed in as <strong>${person}</strong>.</p>
      <p>
        You are about to choose an account at ${provider}. From then on, whoever can sign in with it can sign in here as
        you. If you did not ask for this, go back.
      </p>
      <form method="post" action="${action}">
        <input type="hidden" name="token" value="${token}" />
        <button>Link your account at ${provider}</button>
      </form>
      <ul>
        <li><a href="${home}account">Back to your account</a></li>
      </ul>
    </html> `;
}
