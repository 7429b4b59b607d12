// What a side is to send: each endpoint's events in their order, and when it did.

import type { Expected } from '../backlog.ts';
import type { BenchEndpoint } from '../endpoints.ts';
import type { Post } from '../programs/post.ts';

export type Lines = { path: string; secret: string; posts: Post[] }[];

/** Unix milliseconds, with fractions: the first request's start, and the end of the last one's work. */
export type Timed = { startedAtMs: number; endedAtMs: number };

/** An event belongs to each endpoint that subscribes to its type. */
export function linesOf(endpoints: readonly BenchEndpoint[], events: readonly Expected[]): Lines {
  const byType = Map.groupBy(events, ({ type }) => type);
  return endpoints.map(({ path, secret, type }) => ({
    path,
    secret,
    posts: (byType.get(type) ?? []).map(({ id, position, previous, payload }) => ({ id, position, previous, payload })),
  }));
}

/** As they were recorded: one event of each endpoint, then the next one of each. */
export function inTurn(lines: Lines): { path: string; post: Post }[] {
  const longest = Math.max(...lines.map(({ posts }) => posts.length));
  return Array.from({ length: longest }, (_, index) =>
    lines.flatMap(({ path, posts }) => (posts[index] ? [{ path, post: posts[index] }] : [])),
  ).flat();
}
