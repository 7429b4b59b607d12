// One request to an OAuth provider: one try, one deadline, a capped answer, no redirect followed.

import { isUtf8 } from 'node:buffer';
import { Agent, type Dispatcher, buildConnector, request } from 'undici';
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
 * above 1 MiB or without JSON, nothing within 5 s, no connection, plain http to another host than this one.
 */
export type AskProvider = (url: string, request: ProviderRequest) => Promise<Response>;

export function askingProvider(provider: string): AskProvider {
  // Sign-ins are rare: without keep-alive no request fails on a connection that was just closed.
  const dispatcher = new Agent({
    pipelining: 0,
    allowH2: false,
    maxHeaderSize: mostHeaderBytes,
    connect: connectingPastInterim(),
  });

  return async (url, { method, headers, body }) => {
    const { protocol, hostname } = new URL(url);
    if (protocol !== 'https:' && !isLoopback(hostname)) throw providerFailed(provider, 'is not asked over plain http');
    const signal = AbortSignal.timeout(withinMs);
    try {
      // Not fetch, which refuses some sixty ports. What is not compressed cannot unfold beyond the limit.
      const identity = { ...headers, 'accept-encoding': 'identity' };
      const answer = await request(url, { method, headers: identity, body, signal, dispatcher });
      return checked(provider, answer, await atMost(mostBytes, answer.body));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (signal.aborted) throw providerFailed(provider, `did not answer within ${withinMs / 1000} s`);
      const advice = adviceOnCertificate(error);
      throw providerFailed(
        provider,
        advice === null ? 'cannot be reached' : `has a certificate of an unknown authority: ${advice}`,
      );
    }
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
function connectingPastInterim(): buildConnector.connector {
  const connect = buildConnector({ timeout: withinMs, allowH2: false });
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
