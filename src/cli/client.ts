// Calls the API of a running server, for the commands that show or change it.

import { type ClientOptions, readClientSettings } from '../settings/client-settings.ts';
import { reasonOf } from '../telemetry/reason.ts';

export type Client = {
  /** The answer's `data`. Throws an Error whose message is one sentence for the user, without the token. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
};

type Answer = { data?: unknown; errors?: { message: string; extensions?: { code?: string } }[] };

const answerWithinMs = 30_000;

/** Says on stderr who is asked, with whose token. Throws a StartError for settings that are wrong or missing. Sends nothing yet. */
export async function openClient(options: ClientOptions): Promise<Client> {
  const { url, token, remark } = await readClientSettings(options);
  if (remark !== null) process.stderr.write(`${remark}\n`);

  async function send(body: string): Promise<Response> {
    try {
      return await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(answerWithinMs),
      });
    } catch (error) {
      throw new Error(`${url} cannot be reached: ${causeOf(error)}`, { cause: error });
    }
  }

  return {
    async ask<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
      const response = await send(JSON.stringify({ query, variables }));
      const answer = (await response.json().catch(() => null)) as Answer | null;
      const problem = answer?.errors?.[0];
      if (problem?.extensions?.code === 'UNAUTHENTICATED') throw new Error(`${url} does not know the token.`);
      if (problem) throw new Error(problem.message);
      if (!answer?.data) throw new Error(`${url} does not answer as Tidings does (HTTP ${response.status}).`);
      return answer.data as Data;
    },
  };
}

/** fetch gives the reason only in the error's cause. */
function causeOf(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${answerWithinMs / 1000} s`;
  return reasonOf((error as Error).cause ?? error);
}
