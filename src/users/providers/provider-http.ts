// One request to an OAuth provider: one try, one deadline, a guarded connection, a capped answer, no redirect followed.

import { isUtf8 } from 'node:buffer';
import { isIP } from 'node:net';
import { Agent, type Dispatcher, type buildConnector, request } from 'undici';
import { ConnectFailure } from '../../egress/connect-failure.ts';
import { type EgressOptions, createEgressGuard, resolveAll } from '../../egress/guard.ts';
import { createInterimResponses } from '../../egress/interim-responses.ts';
import { Refusal } from '../../policy/refusal.ts';
import { adviceOnCertificate } from '../../policy/untrusted-certificate.ts';
import { isLoopback } from '../../settings/provider-url.ts';
import { providerFailed } from './provider-refusal.ts';

/** From connecting to the last byte of the answer. */
const withinMs = 5_000;
const mostBytes = 1024 * 1024;
const mostHeaderBytes = 64 * 1024;

export type ProviderRequest = { method: string; headers: Record<string, string>; body?: string };

/**
 * Answers with a 200 that is JSON, or with a 4xx. Throws Refusal UNAVAILABLE for anything else: another status, a body
 * above 1 MiB or without JSON, nothing within 5 s, no connection, an address that `ProviderHome` does not allow.
 */
export type AskProvider = (url: string, request: ProviderRequest) => Promise<Response>;

/** Whom the settings name. All other addresses are the provider's word, and the client's secret is sent to them. */
export type ProviderHome = {
  id: string;
  /**
   * The issuer, or GitHub's site. Requests may go to its own addresses, so that an internal provider works, and to public
   * ones; over plain http only from http, and to this machine.
   */
  url: string;
};

/** Replaced in tests. */
type Ways = Pick<EgressOptions, 'resolve' | 'dial'>;

export function askingProvider({ id: provider, url: home }: ProviderHome, ways: Ways = {}): AskProvider {
  const isPlain = new URL(home).protocol === 'http:';

  return async (url, { method, headers, body }) => {
    const { protocol, hostname } = new URL(url);
    if (protocol !== 'https:' && !(isPlain && isLoopback(hostname))) {
      throw providerFailed(provider, 'is not asked over plain http');
    }
    const signal = AbortSignal.timeout(withinMs);
    // Sign-ins are rare: without keep-alive no request fails on a connection that was just closed.
    const dispatcher = new Agent({
      pipelining: 0,
      allowH2: false,
      maxHeaderSize: mostHeaderBytes,
      connect: pastInterim(guarded(home, ways, signal)),
    });
    try {
      // Not fetch, which refuses some sixty ports. What is not compressed cannot unfold beyond the limit.
      const identity = { ...headers, 'accept-encoding': 'identity' };
      const answer = await request(url, { method, headers: identity, body, signal, dispatcher });
      return checked(provider, answer, await atMost(mostBytes, answer.body));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (signal.aborted) throw providerFailed(provider, `did not answer within ${withinMs / 1000} s`);
      if (!(error instanceof ConnectFailure)) throw providerFailed(provider, 'cannot be reached');
      if (error.failureClass === 'egress refused') {
        throw providerFailed(provider, 'leads to an address that is neither public nor its own');
      }
      const advice = adviceOnCertificate(error.cause);
      throw providerFailed(
        provider,
        advice === null ? 'cannot be reached' : `has a certificate of an unknown authority: ${advice}`,
      );
    } finally {
      void dispatcher.destroy();
    }
  };
}

/**
 * Looks the home's addresses up anew for each connection, and once: a name server that answers in turn would refuse the
 * home itself.
 */
function guarded(home: string, ways: Ways, givenUp: AbortSignal): buildConnector.connector {
  const { resolve = resolveAll } = ways;
  const name = new URL(home).hostname.replace(/^\[(.*)\]$/, '$1');

  async function guard() {
    const own = isIP(name) === 0 ? await resolve(name).catch(() => []) : [{ address: name, family: isIP(name) }];
    return createEgressGuard({
      ...ways,
      // A zone (`fe80::1%eth0`) is no part of a network.
      allowedNetworks: own.flatMap(({ address }) => (address.includes('%') ? [] : [address])),
      resolve: async (other) => (other === name ? own : await resolve(other)),
    });
  }

  return (options, callback) => {
    guard().then(
      (made) => made.connector(givenUp)(options, callback),
      (error: unknown) => callback(error as Error, null),
    );
  };
}

type Answer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>;

function checked(provider: string, { statusCode: status, headers }: Answer, bytes: Buffer | null): Response {
  if (bytes === null) throw providerFailed(provider, 'answered with more than 1 MiB');
  const refused = status >= 400 && status < 500 && status !== 429;
  if (status !== 200 && !refused) throw providerFailed(provider, `answered HTTP ${status}`);
  if (status === 200 && !isJson(bytes)) throw providerFailed(provider, 'answered with something that is no JSON');
  const pairs = Object.entries(headers).flatMap(([name, values]) =>
    [values ?? []].flat().map((value): [string, string] => [name, value]),
  );
  return new Response(new Uint8Array(bytes), { status, headers: pairs });
}

/** Each connection has one request, and an interim 100 may come before its answer. */
function pastInterim(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      if (result[1]) {
        const interim = createInterimResponses();
        interim.watch(result[1]);
        interim.begin();
      }
      callback(...result);
    });
}

/** Null when there is more; leaving the loop early closes the connection. */
async function atMost(limit: number, body: AsyncIterable<Uint8Array>): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What is not UTF-8 would be read as other text. */
function isJson(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false;
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}
