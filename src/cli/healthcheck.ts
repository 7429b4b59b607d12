// `tidings healthcheck`: whether a service answers, for supervisors of containers.

import { request } from 'undici';
import { ownUrl } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { Failure } from './failure.ts';
import { print } from './terminal.ts';

const answerWithinMs = 3_000;

/** Asks /healthz, which touches nothing: a database that is away is no reason to end a service. Throws a Failure else. */
export async function healthcheck(url: string | undefined): Promise<void> {
  const base = (url ?? ownUrl()).replace(/\/+$/, '');
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
  print('ok');
}
