// Turns a request's credential into who is asking.

import { createHash, timingSafeEqual } from 'node:crypto';

/** Who asks; null when no credential that we know was given. */
export type Viewer = { kind: 'admin' } | null;

/** A function from the value of an Authorization header to the viewer. The token is compared in constant time. */
export function viewerOf(adminToken: string): (authorization: string | null) => Viewer {
  const expected = digest(adminToken);
  return (authorization) => {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    // Digests have one length whatever was sent, so nothing is learned from the comparison's time.
    return token !== undefined && timingSafeEqual(digest(token), expected) ? { kind: 'admin' } : null;
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
