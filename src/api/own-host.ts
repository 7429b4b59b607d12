// Sends a browser that came by another name of this service to the name of PUBLIC_URL, where its cookies will be needed.

import type { Context } from 'hono';
import type { Cookies } from './session-cookie.ts';

export type OwnHostOptions = {
  publicUrl: () => string;
  /** Take the name that the browser asked for from the last X-Forwarded-Host entry. */
  trustProxy: boolean;
  cookies: Pick<Cookies, 'wasMoved' | 'moved'>;
};

/** The address of the same page at PUBLIC_URL's host name; null for a request that is there, or was just sent there. */
export function ownAddress(c: Context, { publicUrl, trustProxy, cookies }: OwnHostOptions): string | null {
  const { hostname, pathname, search } = new URL(c.req.url);
  const forwarded = trustProxy ? c.req.header('x-forwarded-host')?.split(',').at(-1)?.trim() : undefined;
  const asked = forwarded === undefined ? hostname : URL.parse(`http://${forwarded}`)?.hostname;
  if (asked === new URL(publicUrl()).hostname) return null;
  // A proxy that passes another name on, as many do, would have the browser go in circles.
  if (cookies.wasMoved(c.req.raw)) return null;
  c.header('Set-Cookie', cookies.moved());
  return `${publicUrl()}${pathname}${search}`;
}
