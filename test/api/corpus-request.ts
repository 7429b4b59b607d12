// Sends a corpus's request over a socket, exactly as it is written.

import { request } from 'undici';
import { adminToken } from './door.ts';

/** A long text in short: in what is repeated, `#` is how often it was before and `+` is one more. */
type Text = readonly (string | { repeat: string; times: number })[];

export type CorpusRequest = {
  /** Nobody unless it says so. */
  as?: 'admin';
  method?: 'GET' | 'HEAD' | 'PUT' | 'DELETE' | 'TRACE';
  path?: string;
  headers?: Record<string, string | Text>;
  body?: Text;
  /** Instead of `body`. */
  query?: Text;
  variables?: unknown;
  operationName?: string;
};

export type CorpusAnswer = { status: number; text: string; milliseconds: number };

export async function send(url: string, row: CorpusRequest): Promise<CorpusAnswer> {
  const { method = 'POST', path = '/graphql' } = row;
  const headers = row.headers ?? { 'content-type': 'application/json' };
  const given = Object.entries(headers).map(([name, value]) => [name, written(value)] as const);
  const body = row.query
    ? JSON.stringify({ ...row, query: written(row.query), as: undefined })
    : written(row.body ?? []);
  const begin = performance.now();
  const response = await request(`${url}${path}`, {
    method,
    headers: {
      ...(row.as === 'admin' ? { authorization: `Bearer ${adminToken}` } : {}),
      ...Object.fromEntries(given.filter(([, value]) => value !== '')),
    },
    body: ['GET', 'HEAD', 'TRACE'].includes(method) ? null : body,
  });
  const text = await response.body.text();
  return { status: response.statusCode, text, milliseconds: performance.now() - begin };
}

export function written(text: string | Text): string {
  if (typeof text === 'string') return text;
  return text
    .map((part) => {
      if (typeof part === 'string') return part;
      const { repeat, times } = part;
      if (!/[#+]/.test(repeat)) return repeat.repeat(times);
      return Array.from({ length: times }, (_, at) =>
        repeat.replaceAll('#', String(at)).replaceAll('+', String(at + 1)),
      ).join('');
    })
    .join('');
}
