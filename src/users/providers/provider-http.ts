// One request to an OAuth provider: one try, one deadline, a capped answer, no redirect followed.

import { isUtf8 } from 'node:buffer';
import { Agent, buildConnector, fetch } from 'undici';
import { createInterimResponses } from '../../interim-responses.ts';
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
      const answer = await fetch(url, { method, headers, body, redirect: 'manual', signal, dispatcher });
      const bytes = answer.body ? await atMost(mostBytes, answer.body) : Buffer.alloc(0);
      return checked(provider, answer.status, [...answer.headers], bytes);
    } catch (error) {
      if (signal.aborted) throw providerFailed(provider, `did not answer within ${withinMs / 1000} s`);
      if (error instanceof TypeError) throw providerFailed(provider, 'cannot be reached');
      throw error;
    }
  };

  function checked(name: string, status: number, headers: [string, string][], bytes: Buffer | null): Response {
    if (bytes === null) throw providerFailed(name, 'answered with more than 1 MiB');
    const refused = status >= 400 && status < 500 && status !== 429;
    if (status !== 200 && !refused) throw providerFailed(name, `answered HTTP ${status}`);
    if (status === 200 && !isJson(bytes)) throw providerFailed(name, 'answered with something that is no JSON');
    return new Response(new Uint8Array(bytes), { status, headers });
  }
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
