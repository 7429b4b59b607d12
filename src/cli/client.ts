// Calls the API of a running server, for the commands that show or change it.

import { request } from 'undici';
import { adviceOnCertificate } from '../policy/untrusted-certificate.ts';
import { type ClientOptions, readClientSettings } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { say } from './terminal.ts';

export type Client = {
  /** The answer's `data`. Throws an Error whose message is one sentence for the user, without the token. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
};

type Answer = { data?: unknown; errors?: { message: string; extensions?: { code?: string } }[] };

const answerWithinMs = 30_000;

/** Says on stderr who is asked, with whose token. Throws a StartError for settings that are wrong or missing. Sends nothing yet. */
export async function openClient(options: ClientOptions): Promise<Client> {
  const { url, token, remark } = await readClientSettings(options);
  if (remark !== null) say(remark);

  // Not by fetch, which refuses some sixty ports on which a server may listen.
  async function send(body: string): Promise<{ status: number; answer: Answer | null }> {
    try {
      const { statusCode: status, body: answered } = await request(`${url}/graphql`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json',
          'accept-encoding': 'identity',
        },
        body,
        signal: AbortSignal.timeout(answerWithinMs),
      });
      const text = await answered.text();
      return { status, answer: parsed(text) };
    } catch (error) {
      throw new Error(`${url} cannot be reached: ${causeOf(error)}`, { cause: error });
    }
  }

  return {
    async ask<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
      const { status, answer } = await send(JSON.stringify({ query, variables }));
      const problem = answer?.errors?.[0];
      if (problem?.extensions?.code === 'UNAUTHENTICATED') throw new Error(`${url} does not know the token.`);
      if (problem) throw new Error(problem.message);
      if (!answer?.data) throw new Error(`${url} does not answer as Tidings does (HTTP ${status}).`);
      return answer.data as Data;
    },
  };
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
