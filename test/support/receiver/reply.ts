// What a receiver answers to a request.

import type { ServerResponse } from 'node:http';

export type Answer = {
  /** By default 200. */
  status?: number;
  headers?: Record<string, string | string[]>;
  /** By default empty; or what writes it. */
  body?: string | Buffer | ((response: ServerResponse) => void);
};

/** `reset`: its connection is reset. `never`: it stays unanswered, as it does when its reply never comes. */
export type Reply = Answer | 'reset' | 'never';

export function sendAnswer(response: ServerResponse, { status = 200, headers = {}, body = '' }: Answer): void {
  response.writeHead(status, headers);
  if (typeof body === 'function') body(response);
  else response.end(body);
}
