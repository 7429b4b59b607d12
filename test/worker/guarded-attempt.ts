// Attempts through the real egress guard whose names are answered by a test and whose dials reach nobody.

import type { LookupAddress } from 'node:dns';
import type { Target } from '../../src/egress/dial.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';

/** The addresses of a name, the code of a resolver's error, or `never`. */
export type DnsAnswer = string[] | string;

export type GuardedAttempt = {
  errorMessage: string | null;
  verdict: string;
  dialled: Target[];
  queries: string[];
};

/**
 * Attempts one after another on one endpoint's connection; each dial is written down and fails. `answer` is asked once a
 * query, with the query's number from 0.
 */
export async function guardedAttempts(
  url: string,
  count: number,
  answer: (hostname: string, index: number) => DnsAnswer | undefined,
  { allowedNetworks = [], timeoutMs = 10_000 }: { allowedNetworks?: string[]; timeoutMs?: number } = {},
): Promise<GuardedAttempt[]> {
  const attempts: GuardedAttempt[] = [];
  let dialled: Target[] = [];
  let queries: string[] = [];
  let asked = 0;
  await using connections = openConnections({
    allowedNetworks,
    dial: () => (target) => {
      dialled.push(target);
      throw new Error('not dialled in tests');
    },
    resolve: async (hostname) => {
      queries.push(hostname);
      return await addressesOf(hostname, answer(hostname, asked++) ?? 'ENOTFOUND');
    },
  });
  for (let index = 0; index < count; index += 1) {
    [dialled, queries] = [[], []];
    const { errorMessage, verdict } = await deliver(connections, attemptAt(url, { timeoutMs }));
    attempts.push({ errorMessage, verdict, dialled, queries });
  }
  return attempts;
}

async function addressesOf(hostname: string, answer: DnsAnswer): Promise<LookupAddress[]> {
  if (answer === 'never') return await new Promise<never>(() => {});
  if (typeof answer !== 'string') {
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  }
  throw Object.assign(new Error(`getaddrinfo ${answer} ${hostname}`), { code: answer });
}
