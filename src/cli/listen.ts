// `tidings listen`: a receiver of your own for a while. It verifies each webhook, prints it and answers, or hands it on.

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { request as send } from 'undici';
import type { SigningKey } from '../signing/secret.ts';
import { reasonOf } from '../telemetry/reason.ts';
import type { CommandSurroundings } from './command.ts';
import { Failure } from './failure.ts';
import { type SecretOptions, signingKey } from './given-secret.ts';
import { print, printJson, say } from './terminal.ts';
import { verifyRequest } from './verify-request.ts';

export type ListenOptions = SecretOptions & {
  json?: boolean;
  host?: string;
  port: string;
  fail?: string;
  forward?: string;
};

type Failing = { status: number; share: number };

/** One request, as it is printed. */
type Arrival = {
  at: string;
  path: string;
  eventId: string | null;
  eventType: string | null;
  position: string | null;
  attempt: string | null;
  verified: boolean;
  problem: string | null;
  answered: number;
  body: string;
};

const mostBytes = 1024 * 1024;
const forwardWithinMs = 30_000;

/** Resolves when it was stopped. */
export async function listen(options: ListenOptions, { refuse, catchStop }: CommandSurroundings): Promise<void> {
  if (!/^\d{1,5}$/.test(options.port) || Number(options.port) > 65_535) {
    refuse(`error: --port is ${JSON.stringify(options.port)}: give a port, or 0 for a free one`);
  }
  const failing = options.fail === undefined ? null : failingOf(options.fail, refuse);
  const forward = options.forward === undefined ? null : URL.parse(options.forward);
  if (options.forward !== undefined && !/^https?:$/.test(forward?.protocol ?? '')) {
    refuse('error: --forward is no URL that begins with http:// or https://');
  }
  if (forward && `${forward.username}${forward.password}` !== '')
    refuse('error: --forward may hold no user or password');
  const key = await signingKey(options, refuse);
  const { host = '127.0.0.1' } = options;
  const stop = catchStop();

  const server = createServer((request, response) => {
    // No webhook; a container asks so whether it is there.
    if (request.method !== 'POST') {
      response.writeHead(request.method === 'GET' ? 200 : 405).end();
      return;
    }
    receive(request, response, { key, failing, forward: options.forward }).then(
      (arrival) => (options.json === true ? printJson(arrival) : show(arrival)),
      // One that was aborted cannot be answered.
      () => response.destroy(),
    );
  });
  server.listen(Number(options.port), host);
  await once(server, 'listening').catch((error: unknown) => {
    throw new Failure(`Cannot listen on ${urlOf(host, options.port)} (${reasonOf(error)}).`);
  });
  say(`Listening on ${urlOf(host, (server.address() as AddressInfo).port)}; Ctrl-C ends it.`);
  if (!stop.aborted) await once(stop, 'abort');
  server.close();
  server.closeAllConnections();
}

function urlOf(host: string, port: number | string): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** `503` for all, or `503:0.2` for some. */
function failingOf(given: string, refuse: (usage: string) => never): Failing {
  const [, status, share = '1'] = /^([1-5]\d\d)(?::([01]|0?\.\d+))?$/.exec(given) ?? [];
  if (status === undefined || Number(status) < 200) {
    refuse(`error: --fail is ${JSON.stringify(given)}: give a status and how often, such as 503:0.2`);
  }
  return { status: Number(status), share: Number(share) };
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  { key, failing, forward }: { key: SigningKey; failing: Failing | null; forward: string | undefined },
): Promise<Arrival> {
  const bytes = await bodyOf(request);
  const { headers } = request;
  const problem = bytes === null ? 'the body is above 1 MiB' : (verifyRequest(key, headers, bytes).problems[0] ?? null);
  const body = bytes === null ? '' : bytes.toString();
  const answered =
    bytes === null
      ? 413
      : problem !== null
        ? 401
        : failing !== null && Math.random() < failing.share
          ? failing.status
          : forward === undefined
            ? 204
            : await handOn(forward, headers, bytes);
  response.writeHead(answered).end();
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    at: new Date().toISOString(),
    path: request.url ?? '/',
    eventId: header('webhook-id'),
    eventType: typeOf(body),
    position: header('x-webhook-position'),
    attempt: header('x-webhook-attempt'),
    verified: problem === null,
    problem,
    answered,
    body,
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Of one event, or the first of a batch. */
function typeOf(body: string): string | null {
  try {
    const parsed = JSON.parse(body) as unknown;
    const [first] = (Array.isArray(parsed) ? parsed : [parsed]) as { event_type?: unknown }[];
    return typeof first?.event_type === 'string' ? first.event_type : null;
  } catch {
    return null;
  }
}

const ofConnection = /^(host|connection|content-length|transfer-encoding|keep-alive|te|trailer|upgrade|expect)$/;

/** The status of the other one's answer; 502 without one. */
async function handOn(url: string, headers: IncomingMessage['headers'], body: Buffer): Promise<number> {
  const handed = Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.test(name)));
  try {
    const signal = AbortSignal.timeout(forwardWithinMs);
    const answer = await send(url, { method: 'POST', headers: handed, body, signal });
    await answer.body.dump();
    return answer.statusCode;
  } catch (error) {
    say(`${url} cannot be reached: ${reasonOf(error)}`);
    return 502;
  }
}

function show({ at, eventType, eventId, position, attempt, problem, answered }: Arrival): void {
  const place = position === null ? '' : `  position ${position}`;
  const told = problem === null ? 'verified' : `NOT VERIFIED: ${problem}`;
  print(`${at}  ${answered}  ${eventType ?? '-'}  ${eventId ?? '-'}${place}  attempt ${attempt ?? '-'}  ${told}`);
}
