// Reads the parameters of a GraphQL request from its body or its query string, exactly or not at all.

import { isUtf8 } from 'node:buffer';
import { GraphQLError } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import type { Budget } from './budgets.ts';
import { BadForm, inexactSentence, parseJson } from '../../policy/exact-numbers.ts';
import { longestMessage } from './errors.ts';

/** Drops a byte order mark, as RFC 8259, section 8.1, allows. */
const decoder = new TextDecoder();

/**
 * In place of the engine's own readers: what they cannot decode becomes U+FFFD, and a number that no double holds
 * becomes another, and either would be signed and delivered.
 */
export function readParameters(): Plugin<object, { budget: Budget }> {
  return {
    onRequestParse({ request, requestParser, setRequestParser, serverContext: { budget } }) {
      if (request.method === 'POST') return setRequestParser(async (given) => await readBody(given, budget));
      if (request.method !== 'GET' || !requestParser) return;
      setRequestParser(async (given) => {
        refuseInexact(new URL(given.url).searchParams.get('variables'));
        return await requestParser(given);
      });
    },
  };
}

async function readBody(request: Request, { bodyBytes, advice }: Budget): Promise<GraphQLParams> {
  const bytes = Buffer.from(await request.arrayBuffer());
  if (bytes.length > bodyBytes) {
    throw refusal(`The body is above ${bodyBytes / 1024} KiB: ask for less at once${advice}.`, 413);
  }
  if (!isUtf8(bytes)) throw refusal('The body is not UTF-8.');
  const { value, inexact } = parse(decoder.decode(bytes));
  if (typeof value !== 'object' || value === null) throw refusal('The body must be a JSON object.');
  if (inexact) throw refusal(inexactSentence(inexact));
  return value;
}

function refuseInexact(variables: string | null): void {
  if (!variables) return;
  const { inexact } = parse(variables);
  if (inexact) throw refusal(inexactSentence({ ...inexact, path: `variables.${inexact.path}` }));
}

function parse(text: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(text);
  } catch (error) {
    throw refusal(error instanceof BadForm ? error.message : 'The JSON is not valid.');
  }
}

/** BAD_USER_INPUT, and HTTP 400 or 413 for every client, since it is about the request and not about its query. */
function refusal(sentence: string, status = 400): GraphQLError {
  return new GraphQLError(sentence.slice(0, longestMessage), {
    extensions: { code: 'BAD_REQUEST', http: { status } },
  });
}
