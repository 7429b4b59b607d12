// Asks the API, and says in words what went wrong.

import { signal } from '@preact/signals';
import type { Doc } from './doc.ts';
import { token } from './token.ts';

/** `code` is that of the API, or UNREACHABLE. */
export type Problem = { code: string; message: string };

/** Where one root field failed, its value is null and the others are there. */
export type Answer<Data> = { data: Data | null; problems: readonly Problem[] };

type Reply<Data> = {
  data?: Data | null;
  errors?: readonly { message: string; extensions?: { code?: string } }[];
  /** In place of an answer, for example from a proxy or while the service ends. */
  error?: string;
};

/** Counts up when the API says that it does not know us any more. */
export const refusedAsUnknown = signal(0);

const endpoint = () => new URL('graphql', document.baseURI);

function headersFor(accept: string): Record<string, string> {
  return {
    accept,
    'content-type': 'application/json',
    ...(token.value === '' ? {} : { authorization: `Bearer ${token.value}` }),
  };
}

/** Never rejects, except when it is aborted. */
export async function ask<Data, Variables extends object>(
  document: Doc<Data, Variables>,
  variables: Variables,
  aborting?: AbortSignal,
): Promise<Answer<Data>> {
  return await askWritten<Data>(JSON.stringify({ query: document, variables }), aborting);
}

/** The same with a request that is JSON already, for values whose numbers must not pass through JavaScript's. */
export async function askWritten<Data>(body: string, aborting?: AbortSignal): Promise<Answer<Data>> {
  const answer = await fetched<Data>(body, aborting);
  if (answer.problems.some(({ code }) => code === 'UNAUTHENTICATED')) refusedAsUnknown.value += 1;
  return answer;
}

/** Opens a subscription; the answer's body is a stream of server-sent events. */
export async function openStream(document: string, variables: object, aborting: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ query: document, variables });
  return await fetch(endpoint(), { method: 'POST', headers: headersFor('text/event-stream'), body, signal: aborting });
}

async function fetched<Data>(body: string, aborting: AbortSignal | undefined): Promise<Answer<Data>> {
  try {
    const headers = headersFor('application/json');
    const response = await fetch(endpoint(), { method: 'POST', headers, body, ...(aborting && { signal: aborting }) });
    return answerIn(await response.text(), response.status);
  } catch (error) {
    if (aborting?.aborted) throw error;
    return failed('UNREACHABLE', 'The service cannot be reached. It is tried again.');
  }
}

/** What an answer's text says. Exported for whoever reads an answer that came otherwise. */
export function answerIn<Data>(text: string, status: number): Answer<Data> {
  let reply: Reply<Data>;
  try {
    reply = JSON.parse(text) as Reply<Data>;
  } catch {
    return failed('UNREACHABLE', `The service answered HTTP ${status}, and nothing that can be read.`);
  }
  if (reply.error !== undefined) return failed('UNREACHABLE', reply.error);
  const problems = (reply.errors ?? []).map(({ message, extensions }) => ({
    code: extensions?.code ?? 'INTERNAL_SERVER_ERROR',
    message,
  }));
  return { data: reply.data ?? null, problems };
}

function failed<Data>(code: string, message: string): Answer<Data> {
  return { data: null, problems: [{ code, message }] };
}
