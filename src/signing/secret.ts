// Turns the value of a signing secret into a key, or says what is wrong, without ever showing the value.

import { type KeyObject, createPrivateKey, createPublicKey, createSecretKey, timingSafeEqual } from 'node:crypto';

/** Key objects instead of bytes: they sign six times as fast, and a log cannot print their content. */
export type SigningKey =
  | { kind: 'hmac'; key: KeyObject }
  | { kind: 'ed25519'; privateKey: KeyObject; publicKey: KeyObject };

const fewestBytes = 24;

/** The bytes before the 32-byte seed of an Ed25519 private key, PKCS #8 in DER (RFC 8410, section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * `whsec_` is followed by canonical base64 of 24 to 64 bytes, `whsk_` by that of 64: an Ed25519 seed and its public key,
 * in libsodium's layout (both from the Standard Webhooks specification). Of any other value the UTF-8 bytes are the key,
 * with a warning below 24 bytes.
 */
export function parseSigningSecret(value: string): { key: SigningKey; warning?: string } | { problem: string } {
  if (value.startsWith('whsec_')) {
    const bytes = decodeCanonical(value.slice('whsec_'.length));
    if (!bytes || bytes.length < fewestBytes || bytes.length > 64) {
      return { problem: 'after whsec_ there must be canonical base64 of 24 to 64 bytes' };
    }
    return { key: hmacKey(bytes) };
  }
  if (value.startsWith('whsk_')) return parseEd25519(value.slice('whsk_'.length));
  if (value === '') return { problem: 'the secret is empty' };
  const bytes = Buffer.from(value);
  const key = hmacKey(bytes);
  if (bytes.length >= fewestBytes) return { key };
  return { key, warning: `the secret is short: ${bytes.length} bytes of the ${fewestBytes} that are safe` };
}

function parseEd25519(text: string): { key: SigningKey } | { problem: string } {
  const bytes = decodeCanonical(text);
  if (!bytes || bytes.length !== 64) {
    return { problem: 'after whsk_ there must be canonical base64 of 64 bytes, an Ed25519 seed and its public key' };
  }
  const seed = bytes.subarray(0, 32);
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  const publicBytes = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  if (!timingSafeEqual(publicBytes, bytes.subarray(32))) {
    return { problem: 'the second half of the whsk_ key is not the public key of its first half' };
  }
  return { key: { kind: 'ed25519', privateKey, publicKey } };
}

function hmacKey(bytes: Buffer): SigningKey {
  return { kind: 'hmac', key: createSecretKey(bytes) };
}

/** Buffer.from accepts any spelling of base64; only the spelling that it would write itself is valid here. */
function decodeCanonical(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
