// Calls the API of a running server, for the commands that show or change it.

import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { adviceOnCertificate } from '../policy/untrusted-certificate.ts';
import { parsePublicUrl } from '../settings/addresses.ts';
import { type ClientOptions, readClientSettings } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { Failure } from './failure.ts';
import { serverSentEvents } from './server-sent-events.ts';
import { say } from './terminal.ts';

export type Client = {
  /** The answer's `data`. Throws a Failure whose message is one sentence for the user, without the token. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /**
   * What a subscription sends, until its connection ends; first null, once nothing that happens is missed. Throws as `ask`
   * does for what is refused for good; else asking once more is worth it.
   */
  subscribe<Data>(query: string, variables: Record<string, unknown>): AsyncGenerator<Data | null, Ended>;
};

/** Why a subscription's connection is over. `isLost`: nothing goes on where `variables` say. */
type Ended = { again: string; isLost?: boolean };

type Problem = { message: string; extensions?: { code?: string } };
type Answer = { data?: unknown; errors?: Problem[] };

const answerWithinMs = 30_000;
/** The server sends something at least every 12 s. */
const silentMs = 40_000;

/**
 * Says on stderr who is asked, with whose token. Throws a StartError for settings that are wrong or missing, and a Failure for
 * such options. Sends nothing yet.
 */
export async function openClient(options: ClientOptions, { isSaid = true } = {}): Promise<Client> {
  // An option that a script left empty is no wish to ask the service that runs here.
  if (options.url !== undefined && parsePublicUrl(options.url) === null) {
    throw new Failure('--url must be a URL such as http://127.0.0.1:4000 (its value is not shown).', 2);
  }
  if (options.token === '') throw new Failure('--token is empty.', 2);
  const { url, token, remark } = await readClientSettings(options);
  if (isSaid && remark !== null) say(remark);

  // Not by fetch, which refuses some sixty ports on which a server may listen.
  async function post(accept: string, body: object, signal: AbortSignal) {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept,
      'accept-encoding': 'identity',
    };
    const text = JSON.stringify(body);
    return await request(`${url}/graphql`, { method: 'POST', headers, body: text, signal, bodyTimeout: silentMs });
  }

  function unreachable(error: unknown): Failure {
    return new Failure(`${url} cannot be reached: ${causeOf(error)}`);
  }

  /** Throws a Failure for an answer that holds none of what was asked for. */
  function dataOf(status: number, answer: Answer | null): unknown {
    const problem = answer?.errors?.[0];
    if (problem?.extensions?.code === 'UNAUTHENTICATED') throw new Failure(`${url} does not know the token.`);
    if (problem) throw new Failure(problem.message, problem.extensions?.code === 'NOT_FOUND' ? 3 : 1);
    if (!answer?.data) throw new Failure(`${url} does not answer as Tidings does (HTTP ${status}).`);
    return answer.data;
  }

  return {
    async ask<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
      let status: number;
      let text: string;
      try {
        const answer = await post('application/json', { query, variables }, AbortSignal.timeout(answerWithinMs));
        status = answer.statusCode;
        text = await answer.body.text();
      } catch (error) {
        throw unreachable(error);
      }
      return dataOf(status, parsed(text)) as Data;
    },
    async *subscribe<Data>(query: string, variables: Record<string, unknown>) {
      const ended = new AbortController();
      try {
        const { statusCode, headers, body } = await post('text/event-stream', { query, variables }, ended.signal);
        if (!String(headers['content-type']).startsWith('text/event-stream')) {
          const answer = parsed(await body.text());
          if (answer?.errors?.[0]?.extensions?.code === 'BAD_USER_INPUT') {
            return { again: answer.errors[0].message, isLost: true };
          }
          // Also of whatever stands before it.
          if (statusCode >= 500 || statusCode === 429) return { again: messageOf(() => dataOf(statusCode, answer)) };
          dataOf(statusCode, answer);
        }
        yield null;
        for await (const { event, data } of serverSentEvents(body)) {
          if (event !== 'next') continue;
          const answer = parsed(data);
          const problem = answer?.errors?.[0];
          // What follows is for programs.
          if (problem?.extensions?.code === 'UNAVAILABLE') return { again: problem.message.split('. ')[0]! };
          if (problem?.extensions?.code === 'RATE_LIMITED') return { again: problem.message };
          if (problem?.extensions?.code === 'BAD_USER_INPUT') return { again: problem.message, isLost: true };
          yield dataOf(statusCode, answer) as Data;
        }
        return { again: 'the connection ended' };
      } catch (error) {
        if (error instanceof Failure) throw error;
        const isCut = (error as NodeJS.ErrnoException).code === 'UND_ERR_SOCKET';
        return { again: isCut ? 'the connection ended' : unreachable(error).message };
      } finally {
        ended.abort();
      }
    },
  };
}

/** So long between two tries to connect. */
const connectAgainMs = 1_000;

export type Subscribing = {
  /** The client for each connection: after a restart the service may be elsewhere. */
  connect(isFirst: boolean): Promise<Client>;
  /** Where each connection begins. */
  variables(): Record<string, unknown>;
  /** From now on nothing that happens is missed. */
  opened(client: Client): Promise<void>;
  /** The place that `variables` said is none any more. */
  lost(): void;
};

/** Goes on with a subscription whenever its connection ends. Throws a Failure if it never began, and when it is refused for good. */
export async function* persistently<Data>(
  query: string,
  { connect, variables, opened, lost }: Subscribing,
): AsyncGenerator<Data, never> {
  let wasOpen = false;
  let said = '';
  for (;;) {
    const ended = yield* connection();
    if (!wasOpen) throw new Failure(ended.again);
    if (ended.isLost) lost();
    if (ended.again !== said) say(`Connecting again: ${ended.again}`);
    said = ended.again;
    await sleep(connectAgainMs);
  }

  async function* connection(): AsyncGenerator<Data, Ended> {
    let client: Client;
    try {
      client = await connect(!wasOpen);
    } catch (error) {
      if (!wasOpen) throw error;
      return { again: (error as Error).message };
    }
    const received = client.subscribe<Data>(query, variables());
    for (let next = await received.next(); ; next = await received.next()) {
      if (next.done) return next.value;
      if (next.value !== null) {
        yield next.value;
        continue;
      }
      try {
        await opened(client);
      } catch (error) {
        if (!wasOpen) throw error;
        await received.return({ again: '' });
        return { again: (error as Error).message };
      }
      wasOpen = true;
      said = '';
    }
  }
}

function messageOf(failing: () => unknown): string {
  try {
    failing();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function parsed(text: string): Answer | null {
  try {
    return JSON.parse(text) as Answer | null;
  } catch {
    return null;
  }
}

function causeOf(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${answerWithinMs / 1000} s`;
  return [reasonOf(error), adviceOnCertificate(error)].filter((part) => part !== null).join('; ');
}
