// `tidings verify`: says whether the body on stdin, with its headers, was signed with the secret.

import { buffer } from 'node:stream/consumers';
import type { CommandSurroundings } from './command.ts';
import { headersOf } from './given-headers.ts';
import { type SecretOptions, signingKey } from './given-secret.ts';
import { print, printJson } from './terminal.ts';
import { verifyRequest } from './verify-request.ts';

export type VerifyOptions = SecretOptions & { json?: boolean; header?: string[] };

/** Returns the exit status: 1 when it was not. */
export async function verify(options: VerifyOptions, { refuse }: CommandSurroundings): Promise<number> {
  const headers = headersOf(options.header, refuse);
  const key = await signingKey(options, refuse);
  const { verified, problems } = verifyRequest(key, Object.fromEntries(headers), await buffer(process.stdin));
  const ok = problems.length === 0;
  if (options.json === true) printJson({ ok, verified, problems });
  else if (ok) print(`verified: ${verified.join(', ')}`);
  else for (const problem of problems) print(`not verified: ${problem}`);
  return ok ? 0 : 1;
}
