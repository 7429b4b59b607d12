// Answers a refused request to the REST part: a page for people, JSON for programs.

import type { Context } from 'hono';
import { html } from 'hono/html';
import { Refusal, type RefusalCode } from '../policy/refusal.ts';
import { prefersHtml } from './preferences.ts';

/** RFC 9110, section 15.5 and 15.6; 429 is RFC 6585, section 4. */
const statuses = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  RATE_LIMITED: 429,
  UNAVAILABLE: 503,
} as const satisfies Record<RefusalCode, number>;

/** Our pages have no script, style or form, and may not be framed. */
export const pagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export type WayOn = {
  /** The address where to start again; null when there is none. */
  again: string | null;
  home: string;
  /** For RATE_LIMITED. */
  retryAfterSeconds?: number | null;
};

/** A page when the client prefers HTML, else `{error, code}`, with the status that fits the code. */
export function answerRefused(c: Context, refusal: Refusal, { again, home, retryAfterSeconds }: WayOn) {
  const { code, message } = refusal;
  const status = statuses[code];
  if (retryAfterSeconds) c.header('Retry-After', String(retryAfterSeconds));
  if (code === 'UNAUTHENTICATED') c.header('WWW-Authenticate', 'Bearer');
  if (!prefersHtml(c.req.raw)) return c.json({ error: message, code }, status);
  c.header('Content-Security-Policy', pagePolicy);
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Not signed in: Tidings</title>
        <h1>That did not work</h1>
        <p>${message}</p>
        <ul>
          ${again === null ? '' : html`<li><a href="${again}">Start again</a></li>`}
          <li><a href="${home}">To the first page</a></li>
        </ul>
      </html> `,
    status,
  );
}

/** The path of the first page, with a trailing slash. */
export function homeOf(publicUrl: string): string {
  return `${new URL(publicUrl).pathname.replace(/\/$/, '')}/`;
}

/** The refusal for a client that began too many sign-ins. */
export function tooManyStarts(retryAfterSeconds: number): Refusal {
  return new Refusal('RATE_LIMITED', `Too many sign-ins were begun from here. Wait ${retryAfterSeconds} s.`);
}
