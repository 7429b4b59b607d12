// `tidings healthcheck`: whether a service answers, for supervisors of containers.

import { request } from 'undici';
import { parsePublicUrl } from '../settings/addresses.ts';
import { ownUrl } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { Failure } from './failure.ts';
import { print, printJson } from './terminal.ts';

const answerWithinMs = 3_000;

/** Asks /healthz, which touches nothing: a database that is away is no reason to end a service. Throws a Failure else. */
export async function healthcheck(url: string | undefined, { json }: { json?: boolean }): Promise<void> {
  const base = parsePublicUrl(url ?? ownUrl());
  if (base === null) throw new Failure('The URL must be one such as http://127.0.0.1:4000 (it is not shown).', 2);
  const address = /\/(healthz|readyz)$/.test(base) ? base : `${base}/healthz`;
  let status: number;
  try {
    const { statusCode, body } = await request(address, { signal: AbortSignal.timeout(answerWithinMs) });
    await body.dump();
    status = statusCode;
  } catch (error) {
    throw new Failure(`${address} cannot be reached: ${reasonOf(error)}`);
  }
  if (status !== 200) throw new Failure(`${address} answers HTTP ${status}.`);
  if (json === true) printJson({ ok: true });
  else print('ok');
}
