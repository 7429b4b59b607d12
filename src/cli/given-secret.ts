// The signing secret that a command was given: itself, in a file, or in TIDINGS_SECRET.

import { readFile } from 'node:fs/promises';
import { readGivenSecret } from '../settings/given-secret.ts';
import { type SigningKey, parseSigningSecret } from '../signing/secret.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { Failure } from './failure.ts';
import { say } from './terminal.ts';

export type SecretOptions = { secret?: string; secretFile?: string };

/** Calls `refuse` when there is none. Throws a Failure for one that cannot be used, without showing it. */
export async function signingKey(
  { secret, secretFile }: SecretOptions,
  refuse: (usage: string) => never,
): Promise<SigningKey> {
  if (secret !== undefined && secretFile !== undefined) refuse('error: give --secret or --secret-file, not both');
  const value = secret ?? (secretFile === undefined ? readGivenSecret() : await read(secretFile));
  if (value === undefined)
    return refuse('error: there is no secret: give --secret or --secret-file, or set TIDINGS_SECRET');
  const parsed = parseSigningSecret(value);
  if ('problem' in parsed) throw new Failure(`The secret cannot be used: ${parsed.problem}.`);
  if (parsed.warning !== undefined) say(`warning: ${parsed.warning}`);
  return parsed.key;
}

/** As a service reads it: without one end of a line. */
async function read(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(`${file} cannot be read (${reasonOf(error)}).`);
  });
  return text.replace(/\r?\n$/, '');
}
