// Where a sign-in that was refused can be begun again, with everything that was begun.

import { acceptRedirect } from '../users/redirects.ts';
import type { Begun } from '../users/sign-in.ts';

/** Relative to the first page. */
export function startOf({ provider, redirectTo, purpose }: Begun): string {
  if (purpose.kind === 'invitation') return address(provider, { invitation: purpose.code });
  return address(provider, {
    ...(purpose.kind === 'link' && { link: '1' }),
    ...(redirectTo !== null && { redirect_to: redirectTo }),
  });
}

/** The same for a query that may be wrong: what is right of it is kept. An invitation says all there is to say. */
export function startByQuery(
  provider: string,
  query: URLSearchParams,
  { publicUrl, allowedOrigins }: { publicUrl: string; allowedOrigins: readonly string[] },
): string {
  const only = (name: string) => (query.getAll(name).length === 1 ? query.get(name)! : null);
  const [invitation, link, redirectTo] = [only('invitation'), only('link'), only('redirect_to')];
  if (invitation !== null) return address(provider, { invitation });
  return address(provider, {
    ...(link === '1' && { link }),
    ...(redirectTo !== null && isAccepted(redirectTo) && { redirect_to: redirectTo }),
  });

  function isAccepted(wanted: string): boolean {
    try {
      acceptRedirect(wanted, publicUrl, allowedOrigins);
      return true;
    } catch {
      return false;
    }
  }
}

function address(provider: string, query: Record<string, string>): string {
  const text = new URLSearchParams(query).toString();
  return `oauth/${provider}${text === '' ? '' : `?${text}`}`;
}
