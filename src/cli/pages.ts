// Reads a list page by page, newest first, and says how far it is.

import type { Client } from './client.ts';
import { largestLimit, usualLimit } from './options.ts';
import { sayProgress } from './terminal.ts';

export type Page<Row> = { page: { nodes: Row[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } };

const largestPage = 200;

/** `limit` as it was given. Calls `refuse` for what is no number of rows. */
export function limitOf(limit: string | undefined, refuse: (usage: string) => never): number {
  if (limit === undefined) return usualLimit;
  const number = /^\d{1,9}$/.test(limit) ? Number(limit) : 0;
  if (number >= 1 && number <= largestLimit) return number;
  return refuse(`error: --limit is ${JSON.stringify(limit)}: give a number from 1 to ${largestLimit}`);
}

/** The document's list is its field `page`. */
export async function readPages<Row>(
  client: Client,
  document: string,
  filter: Record<string, unknown>,
  limit: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  let after: string | null = null;
  for (;;) {
    const first = Math.min(largestPage, limit - rows.length);
    const { page }: Page<Row> = await client.ask<Page<Row>>(document, { filter, first, after });
    rows.push(...page.nodes);
    after = page.pageInfo.endCursor;
    if (rows.length >= limit || !page.pageInfo.hasNextPage || after === null) break;
    sayProgress(`${rows.length} read`);
  }
  sayProgress(null);
  return rows;
}
