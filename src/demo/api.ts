// The service's GraphQL API, as a program calls it with a token.

import { request } from 'undici';

export type Api = {
  /** Returns `data`. Throws an Error with the service's own sentence. */
  call<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
};

type Answer = { data?: unknown; errors?: { message: string }[] };

/** `token` is the admin's, or that of a session. */
export function createApi(url: string, token: string): Api {
  return {
    async call<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const { body } = await request(`${url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(30_000),
      });
      const { data, errors } = (await body.json()) as Answer;
      if (errors?.[0]) throw new Error(errors[0].message);
      return data as T;
    },
  };
}
