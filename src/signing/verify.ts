// Verifies that a request was signed with one of the given keys, as a receiver does.

import { timingSafeEqual, verify as verifySignature } from 'node:crypto';
import type { SigningKey } from './secret.ts';
import { type SigningScheme, hmacSha256, standardContent, timestampedContent } from './sign.ts';

export type Verification = { ok: true } | { ok: false; reason: string };

export type ReceivedRequest = {
  scheme: SigningScheme;
  keys: readonly SigningKey[];
  /** Header names in lower case, as Node gives them. */
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body exactly as received. */
  body: string | Uint8Array;
  /** Now, in unix seconds. */
  nowSeconds: number;
  /** How far the request's clock may be from ours, either way; 5 minutes when absent. */
  toleranceSeconds?: number;
};

/** More than any rotation needs; a limit against long lists that cost time. */
const mostSignatures = 32;

/** Checks one scheme's headers; never throws, whatever they hold. */
export function verify(request: ReceivedRequest): Verification {
  const { scheme, keys, headers, nowSeconds, toleranceSeconds = 300 } = request;
  const prefix = scheme === 'standard' ? 'webhook' : 'x-webhook';
  const timestamp = header(headers, `${prefix}-timestamp`);
  if (!timestamp || !/^\d{1,12}$/.test(timestamp)) return refuse(`${prefix}-timestamp is not a unix time`);
  if (Math.abs(nowSeconds - Number(timestamp)) > toleranceSeconds) {
    return refuse(`${prefix}-timestamp is more than ${toleranceSeconds} s from now`);
  }
  const body = exactText(request.body);
  if (body === undefined) return refuse('the body is not UTF-8');
  let content = timestampedContent(timestamp, body);
  if (scheme === 'standard') {
    // With a dot in the id, the end of the id could be read as the timestamp.
    const id = header(headers, 'webhook-id');
    if (!id || !/^[\w-]{1,128}$/.test(id)) return refuse('webhook-id is not an id');
    content = standardContent(id, timestamp, body);
  }
  const list = header(headers, `${prefix}-signature`);
  if (!list) return refuse(`${prefix}-signature is missing`);
  const signatures = list.split(scheme === 'standard' ? ' ' : ',');
  if (signatures.length > mostSignatures) return refuse(`${prefix}-signature holds too many signatures`);
  for (const key of keys) {
    const matches = matcher(scheme, key, content);
    if (signatures.some(matches)) return { ok: true };
  }
  return refuse('no signature is by a key we know');
}

function matcher(scheme: SigningScheme, key: SigningKey, content: string): (signature: string) => boolean {
  if (key.kind === 'ed25519') {
    if (scheme !== 'standard') return () => false;
    return (signature) => {
      if (!signature.startsWith('v1a,')) return false;
      const bytes = Buffer.from(signature.slice('v1a,'.length), 'base64');
      const canonical = equal(signature, `v1a,${bytes.toString('base64')}`);
      return canonical && bytes.length === 64 && verifySignature(null, Buffer.from(content), key.publicKey, bytes);
    };
  }
  const expected =
    scheme === 'standard'
      ? `v1,${hmacSha256(key.key, content, 'base64')}`
      : `sha256=${hmacSha256(key.key, content, 'hex')}`;
  // The text is compared, so only the canonical spelling of the right bytes is valid.
  return (signature) => equal(signature, expected);
}

function equal(one: string, other: string): boolean {
  const left = Buffer.from(one);
  const right = Buffer.from(other);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Undefined for bytes that are not UTF-8: as text they would be other bytes than were signed. */
function exactText(body: string | Uint8Array): string | undefined {
  if (typeof body === 'string') return body;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

/** A header that came twice has no value. */
function header(headers: ReceivedRequest['headers'], name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function refuse(reason: string): Verification {
  return { ok: false, reason };
}
