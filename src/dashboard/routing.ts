// Which view stands at which address, below the service's first page.

export type View =
  | { name: (typeof lists)[number] | 'nowhere' }
  | { name: (typeof ones)[keyof typeof ones]; id: string };

const lists = ['endpoints', 'live', 'deliveries', 'events', 'users', 'publish', 'service', 'event-types'] as const;
const ones = {
  endpoints: 'endpoint',
  deliveries: 'delivery',
  events: 'event',
  users: 'user',
  'event-types': 'event-type',
} as const;

/** `path` is what follows the first page's: `endpoints/crm`. */
export function viewAt(path: string): View {
  const [first = '', id, ...rest] = path.replace(/\/$/, '').split('/');
  if (path === '') return { name: 'endpoints' };
  if (rest.length > 0) return { name: 'nowhere' };
  if (id === undefined) return { name: lists.find((name) => name === first) ?? 'nowhere' };
  const one = Object.hasOwn(ones, first) ? ones[first as keyof typeof ones] : null;
  return one === null ? { name: 'nowhere' } : { name: one, id: decoded(id) };
}

/** The address of one thing of a list, for a link. Absent values are left out of the query. */
export function linkTo(
  list: (typeof lists)[number],
  id?: string | null,
  query: Record<string, string | null | undefined> = {},
): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] != null && pair[1] !== '');
  const search = new URLSearchParams(given).toString();
  return `${list}${id == null ? '' : `/${encodeURIComponent(id)}`}${search === '' ? '' : `?${search}`}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
