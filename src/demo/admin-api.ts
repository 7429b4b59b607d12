// The service's GraphQL API, as an admin's program calls it.

export type AdminApi = {
  /** Answers `data`. Throws an Error with the service's own sentence. */
  call<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
};

type Answer = { data?: unknown; errors?: { message: string }[] };

export function createAdminApi(url: string, adminToken: string): AdminApi {
  return {
    async call<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(30_000),
      });
      const { data, errors } = (await response.json()) as Answer;
      if (errors?.[0]) throw new Error(errors[0].message);
      return data as T;
    },
  };
}
