// Lists the endpoints in force, by id: those that a search finds and that are in one of the states, a page at a time.

import type { EntityManager } from '@mikro-orm/postgresql';
import { foldCase } from '../../policy/fold-case.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import { sizeOf } from './connection.ts';
import { type StateName, manyEndpointStates, stateNameOf } from './endpoint-state.ts';
import { foldedSearch } from './search.ts';

type EndpointsArgs = {
  search?: string | null | undefined;
  states?: readonly StateName[] | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
};

/** States are read from the database for so many, and then for the others, until the page is full. */
const readFirst = 1_000;
const readThen = 10_000;

/** The texts that a search looks through; an endpoint is the same object until the next reload. */
const folded = new WeakMap<Endpoint, string[]>();

/** Throws Refusal BAD_USER_INPUT. */
export async function listEndpoints(
  inForce: readonly Endpoint[],
  args: EndpointsArgs,
  em: EntityManager,
): Promise<Endpoint[]> {
  const size = sizeOf(args.first);
  const after = afterId(args.after);
  const searched = args.search ? foldedSearch(args.search) : null;
  const found = inForce
    .filter(
      (endpoint) => (after === null || endpoint.id > after) && (searched === null || contains(endpoint, searched)),
    )
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  if (!args.states) return found.slice(0, size);
  const wanted = new Set(args.states);
  const page: Endpoint[] = [];
  for (let from = 0, to = readFirst; from < found.length && page.length < size; from = to, to += readThen) {
    const some = found.slice(from, to);
    const states = await manyEndpointStates(
      em,
      some.filter(({ enabled }) => enabled),
    );
    page.push(...some.filter((endpoint) => wanted.has(stateNameOf(endpoint, states.get(endpoint.id)))));
  }
  return page.slice(0, size);
}

function contains(endpoint: Endpoint, searched: string): boolean {
  let texts = folded.get(endpoint);
  if (texts === undefined) {
    texts = [endpoint.id, endpoint.url, endpoint.description ?? ''].map(foldCase);
    folded.set(endpoint, texts);
  }
  return texts.some((text) => text.includes(searched));
}

/** The argument `after`: of an endpoint that may be gone by now. Throws Refusal BAD_USER_INPUT. */
export function afterId(after: string | null | undefined): string | null {
  if (after === null || after === undefined) return null;
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(after)) return after;
  throw new Refusal('BAD_USER_INPUT', 'after is no id of an endpoint: take one from the rows.', 'after');
}
