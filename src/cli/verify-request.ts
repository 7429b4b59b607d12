// Verifies a request by each scheme whose headers it has; all of them must be right.

import type { SigningKey } from '../signing/secret.ts';
import { type SigningScheme, signingSchemes } from '../signing/sign.ts';
import { type ReceivedRequest, verify } from '../signing/verify.ts';

export type Verified = { verified: SigningScheme[]; problems: string[] };

export function verifyRequest(key: SigningKey, headers: ReceivedRequest['headers'], body: Uint8Array): Verified {
  const result: Verified = { verified: [], problems: [] };
  for (const scheme of signingSchemes) {
    const name = scheme === 'standard' ? 'webhook-signature' : 'x-webhook-signature';
    if (headers[name] === undefined) continue;
    const checked = verify({ scheme, keys: [key], headers, body, nowSeconds: Date.now() / 1000 });
    if (checked.ok) result.verified.push(scheme);
    else result.problems.push(checked.reason);
  }
  if (result.verified.length + result.problems.length === 0) {
    result.problems.push('there is neither webhook-signature nor x-webhook-signature');
  }
  return result;
}
