// `tidings sign`: the headers by which a receiver can verify the body that comes on stdin.

import { buffer } from 'node:stream/consumers';
import { signatureHeaders, signingSchemes } from '../signing/sign.ts';
import type { CommandSurroundings } from './command.ts';
import { Failure } from './failure.ts';
import { headersOf } from './given-headers.ts';
import { type SecretOptions, signingKey } from './given-secret.ts';
import { print, printJson } from './terminal.ts';

export type SignOptions = SecretOptions & { json?: boolean; header?: string[] };

/** A given `webhook-id`, `webhook-timestamp` or `x-webhook-timestamp` is taken; else they are made. */
export async function sign(options: SignOptions, { refuse }: CommandSurroundings): Promise<void> {
  const given = headersOf(options.header, refuse);
  const key = await signingKey(options, refuse);
  const time = given.get('webhook-timestamp') ?? given.get('x-webhook-timestamp');
  if (time !== undefined && !/^\d{1,12}$/.test(time)) refuse('error: a timestamp is a unix time in whole seconds');
  const schemes = key.kind === 'hmac' ? signingSchemes : signingSchemes.filter((scheme) => scheme === 'standard');
  const body = textOf(await buffer(process.stdin));
  const headers = signatureHeaders(schemes, [key], {
    id: given.get('webhook-id') ?? `msg_${crypto.randomUUID().replaceAll('-', '')}`,
    timestampSeconds: time === undefined ? Math.floor(Date.now() / 1000) : Number(time),
    body,
  });
  if (options.json === true) return printJson(headers, 2);
  for (const [name, value] of Object.entries(headers)) print(`${name}: ${value}`);
}

/** What is signed is text: other bytes would be signed as others. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure('The body is not UTF-8.');
  }
}
