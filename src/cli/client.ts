// Calls the API of a running server, for the commands that show or change it.

import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { adviceOnCertificate } from '../policy/untrusted-certificate.ts';
import { type ClientOptions, readClientSettings } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { Failure } from './failure.ts';
import { serverSentEvents } from './server-sent-events.ts';
import { say } from './terminal.ts';

export type Client = {
  /** The answer's `data`. Throws a Failure whose message is one sentence for the user, without the token. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /**
   * What a subscription sends, until its connection ends; `opened` is called once nothing that happens is missed. Throws as
   * `ask` does for what is refused for good; else asking once more is worth it.
   */
  subscribe<Data>(query: string, variables: Record<string, unknown>, opened: () => void): AsyncGenerator<Data, Ended>;
};

/** Why a subscription's connection is over. */
type Ended = { again: string };

type Problem = { message: string; extensions?: { code?: string } };
type Answer = { data?: unknown; errors?: Problem[] };

const answerWithinMs = 30_000;
/** The server sends something at least every 12 s. */
const silentMs = 40_000;

/** Says on stderr who is asked, with whose token. Throws a StartError for settings that are wrong or missing. Sends nothing yet. */
export async function openClient(options: ClientOptions): Promise<Client> {
  const { url, token, remark } = await readClientSettings(options);
  if (remark !== null) say(remark);

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
    async *subscribe<Data>(query: string, variables: Record<string, unknown>, opened: () => void) {
      const ended = new AbortController();
      try {
        const { statusCode, headers, body } = await post('text/event-stream', { query, variables }, ended.signal);
        if (!String(headers['content-type']).startsWith('text/event-stream')) {
          const answer = parsed(await body.text());
          if (statusCode === 503) return { again: 'it is ending' };
          dataOf(statusCode, answer);
        }
        opened();
        for await (const { event, data } of serverSentEvents(body)) {
          if (event !== 'next') continue;
          const answer = parsed(data);
          const problem = answer?.errors?.[0];
          if (problem?.extensions?.code === 'UNAVAILABLE') return { again: problem.message };
          yield dataOf(statusCode, answer) as Data;
        }
        return { again: 'the connection ended' };
      } catch (error) {
        if (error instanceof Failure) throw error;
        return { again: unreachable(error).message };
      } finally {
        ended.abort();
      }
    },
  };
}

/** So long between two tries to connect. */
const connectAgainMs = 1_000;

/** Goes on with a subscription whenever its connection ends; `variables` says where. Throws a Failure if it never began. */
export async function* persistently<Data>(
  client: Client,
  query: string,
  { variables, opened }: { variables: () => Record<string, unknown>; opened: () => void },
): AsyncGenerator<Data, never> {
  let wasOpen = false;
  let isSaid = false;
  for (;;) {
    const received = client.subscribe<Data>(query, variables(), () => {
      wasOpen = true;
      isSaid = false;
      opened();
    });
    let next = await received.next();
    for (; !next.done; next = await received.next()) yield next.value;
    if (!wasOpen) throw new Failure(next.value.again);
    if (!isSaid) say(`Connecting again: ${next.value.again}`);
    isSaid = true;
    await sleep(connectAgainMs);
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
