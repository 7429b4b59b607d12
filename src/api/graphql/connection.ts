// Pages through a list, newest first, with cursors instead of offsets.

import type { EntityManager, EntityName, FilterQuery } from '@mikro-orm/postgresql';
import { asUuid } from '../../model/uuid.ts';
import { Refusal } from '../../policy/refusal.ts';

export type ConnectionArgs = {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
};

export type Connection<Row> = {
  edges: { cursor: string; node: Row }[];
  /** Looks beyond the page only when it is asked for. */
  readonly pageInfo: Promise<PageInfo>;
  totalCount(): Promise<number>;
};

export type PageInfo = {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
};

/** Where a part of a list begins and ends, in ids of its rows. */
export type Bounds = { $lt?: string | undefined; $lte?: string; $gt?: string | undefined; $gte?: string };

export type List<Row> = {
  /** Names the list in its cursors, so that a cursor is valid only for its list. */
  kind: string;
  /** The rows within the bounds. `desc`: the newest first. */
  find(bounds: Bounds, order: 'asc' | 'desc', limit: number): Promise<Row[]>;
  count(): Promise<number>;
};

/** Rows in the order of their ids: those that match `where`, or none at all when it is null. */
export type Rows<Row extends object> = Pick<List<Row>, 'kind'> & {
  em: EntityManager;
  entity: EntityName<Row>;
  where: FilterQuery<Row> | null;
};

export const defaultSize = 50;
export const largestSize = 200;

/** One page of rows by id. Throws Refusal BAD_USER_INPUT for invalid arguments. */
export async function connect<Row extends { id: string }>(
  args: ConnectionArgs,
  rows: Rows<Row>,
): Promise<Connection<Row>> {
  const { em, entity, kind, where } = rows;
  return await pageOf<Row>(args, {
    kind,
    find: (bounds, order, limit) => find(rows, bounds, order, limit),
    count: async () => (where === null ? 0 : await em.fork().count(entity, where)),
  });
}

/** One page of any list. Throws Refusal BAD_USER_INPUT for invalid arguments. */
export async function pageOf<Row extends { id: string }>(
  args: ConnectionArgs,
  list: List<Row>,
): Promise<Connection<Row>> {
  const { backward, size, after, before } = readArgs(args, list.kind);
  // One more than asked for, to know whether the list goes on.
  const found = await list.find({ $lt: after, $gt: before }, backward ? 'asc' : 'desc', size + 1);
  const more = found.length > size;
  const page = found.slice(0, size);
  if (backward) page.reverse();
  const edges = page.map((node) => ({ cursor: encodeCursor(list.kind, node.id), node }));

  async function exists(bound: Bounds): Promise<boolean> {
    return (await list.find(bound, 'desc', 1)).length > 0;
  }

  return {
    edges,
    get pageInfo() {
      return (async () => ({
        hasNextPage: (!backward && more) || (before !== undefined && (await exists({ $lte: before }))),
        hasPreviousPage: (backward && more) || (after !== undefined && (await exists({ $gte: after }))),
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      }))();
    },
    totalCount: () => list.count(),
  };
}

async function find<Row extends { id: string }>(
  rows: Rows<Row>,
  bounds: Bounds,
  order: 'asc' | 'desc',
  limit: number,
): Promise<Row[]> {
  const { em, entity, where } = rows;
  if (where === null) return [];
  const given = Object.entries(bounds).filter(([, id]) => id !== undefined);
  const between = given.length === 0 ? {} : { id: Object.fromEntries(given) };
  const all = { $and: [where, between] } as FilterQuery<Row>;
  // Without the identity map: a page shows what is stored now, not what another field of the request read before.
  const options = { orderBy: { id: order } as never, limit, disableIdentityMap: true };
  return (await em.find(entity, all, options)) as Row[];
}

function readArgs({ first, last, after, before }: ConnectionArgs, kind: string) {
  if (isGiven(first) && isGiven(last)) throw new Refusal('BAD_USER_INPUT', 'Give first or last, not both.', 'last');
  checkSize('first', first);
  checkSize('last', last);
  return {
    backward: isGiven(last),
    size: first ?? last ?? defaultSize,
    after: isGiven(after) ? decodeCursor(kind, after, 'after') : undefined,
    before: isGiven(before) ? decodeCursor(kind, before, 'before') : undefined,
  };
}

function checkSize(name: string, value: number | null | undefined): void {
  if (!isGiven(value) || (value >= 0 && value <= largestSize)) return;
  throw new Refusal('BAD_USER_INPUT', `${name} is ${value}; it must be 0 to ${largestSize}.`, name);
}

/** `first` of a list that has no cursors but ids. Throws Refusal BAD_USER_INPUT. */
export function sizeOf(first: number | null | undefined): number {
  checkSize('first', first);
  return first ?? largestSize;
}

/** `after` of such a list of rows with UUIDs. Throws Refusal BAD_USER_INPUT. */
export function idAfter(after: string | null | undefined): string | null {
  if (!isGiven(after)) return null;
  const id = asUuid(after);
  if (id !== null) return id;
  throw new Refusal('BAD_USER_INPUT', 'after is no id of this list: take one from its rows.', 'after');
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function encodeCursor(kind: string, id: string): string {
  return Buffer.from(`${kind}:${id}`).toString('base64url');
}

function decodeCursor(kind: string, cursor: string, argument: string): string {
  const text = Buffer.from(cursor.slice(0, 200), 'base64url').toString();
  const id = asUuid(text.slice(kind.length + 1));
  // Encoding it again refuses other spellings that base64 decoders accept.
  if (id === null || encodeCursor(kind, id) !== cursor) {
    const message = `${argument} is no cursor of this list: take one from its edges or pageInfo.`;
    throw new Refusal('BAD_USER_INPUT', message, argument);
  }
  return id;
}
