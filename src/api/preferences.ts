// What a request prefers among the forms that an answer can have (RFC 9110, section 12).

import { parseAccept } from 'hono/utils/accept';

type Preference = {
  /** From 0, which means never, to 1. */
  weight: number;
  /** How exactly the name was given: 3 itself, 2 its kind as in `text/*`, 1 by `*`, 0 not at all. */
  exactness: number;
};

const html = 'text/html';
const json = 'application/json';
const graphqlJson = 'application/graphql-response+json';
/** What GraphQL is answered in, the first where a client does not mind. */
const graphqlTypes = [json, graphqlJson, 'text/event-stream', 'multipart/mixed'];

/** Whether the answer should be a page: it is preferred to JSON, or named and as welcome. */
export function prefersHtml({ headers }: Pick<Request, 'headers'>, jsonTypes: readonly string[] = [json]): boolean {
  const accept = headers.get('accept');
  const page = preferenceFor(html, accept);
  const other = Math.max(...jsonTypes.map((type) => preferenceFor(type, accept).weight));
  return page.weight > other || (page.weight === other && page.weight > 0 && page.exactness > 1);
}

/** The same for an address that a browser opens, or a GraphQL client asks. */
export function prefersPageToGraphql(request: Pick<Request, 'headers'>): boolean {
  return prefersHtml(request, [json, graphqlJson]);
}

/** Whether the answer should be JSON in place of a redirect: it is preferred to HTML, or named and HTML is not. */
export function prefersJson({ headers }: Pick<Request, 'headers'>): boolean {
  const accept = headers.get('accept');
  const [program, page] = [preferenceFor(json, accept), preferenceFor(html, accept)];
  if (program.weight !== page.weight) return program.weight > page.weight;
  return program.weight > 0 && program.exactness > 1 && page.exactness < 2;
}

/** Whether the answer should be compressed: a client that does not mind gets it as it is. */
export function prefersGzip({ headers }: Pick<Request, 'headers'>): boolean {
  const accept = headers.get('accept-encoding');
  if (accept === null) return false;
  const zipped = preferenceFor('gzip', accept);
  // Without being named, a text as it is remains welcome (RFC 9110, section 12.5.3).
  const plain = preferenceFor('identity', accept);
  return zipped.weight > 0 && (plain.exactness === 0 || zipped.weight >= plain.weight);
}

/**
 * Puts what a client accepts of GraphQL's types in the order of its weights, since the GraphQL server goes by order
 * alone. A header without weights stays as it is.
 */
export function orderAccepted(headers: Headers): void {
  const accept = headers.get('accept');
  if (accept === null || !/;\s*q\s*=/i.test(accept)) return;
  const wanted = graphqlTypes.map((type) => ({ type, ...preferenceFor(type, accept) }));
  const ordered = wanted.filter(({ weight }) => weight > 0).toSorted((one, other) => other.weight - one.weight);
  headers.set('accept', ordered.map(({ type }) => type).join(', '));
}

/** The most exact range decides (RFC 9110, section 12.5.1). Parameters other than the weight are not looked at. */
function preferenceFor(name: string, accept: string | null): Preference {
  if (accept === null) return { weight: 1, exactness: 0 };
  const kind = `${name.split('/', 1)[0]}/*`;
  const exactnessOf: Record<string, number> = { [name]: 3, [kind]: 2, '*/*': 1, '*': 1 };
  let best: Preference = { weight: 0, exactness: 0 };
  for (const { type, q } of parseAccept(accept)) {
    const exactness = exactnessOf[type.toLowerCase()] ?? 0;
    if (exactness > best.exactness) best = { weight: q, exactness };
  }
  return best;
}
