// Which URLs an OAuth provider's issuer or site may have.

import { webUrlProblem } from './web-url.ts';

/** Matches the form that the URL parser gives, so every spelling is covered. */
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether a URL's host is this machine, by its address or by the name localhost. */
export function isLoopback(hostname: string): boolean {
  return loopback.test(hostname);
}

/**
 * Why a text cannot be a provider's issuer or site, or null. An issuer has neither query nor fragment (OpenID Connect
 * Core 1.0, section 2) and must be https; http is only for a provider on this machine. Never contains the text.
 */
export function providerUrlProblem(text: string): string | null {
  const problem = webUrlProblem(text);
  if (problem !== null) return problem;
  if (text.includes('?')) return 'must have no query; remove "?" and what follows';
  const { protocol, hostname, pathname } = new URL(text);
  if (protocol === 'http:' && !isLoopback(hostname)) {
    return 'must begin with https:// (http:// is for 127.0.0.0/8, [::1] and localhost alone)';
  }
  // The discovery document's URL is derived from the issuer; it is not the issuer.
  return pathname.includes('/.well-known/') ? 'must end before "/.well-known/"' : null;
}
