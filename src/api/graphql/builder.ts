// The schema's builder: its plugins, its scalars, who may ask, and what every resolver is given.

import type { EntityManager } from '@mikro-orm/postgresql';
import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { ConfigProblem } from '../../settings/problem.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import type { Transactions } from '../../outbox/transactions.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { Viewer } from '../admin.ts';
import type { Loaders } from './loaders.ts';
import { DateTime, JsonScalar } from './scalars.ts';

/** What the API asks of the configuration in force. */
export type Endpoints = {
  inForce(): readonly Endpoint[];
  /** Throws Refusal NOT_FOUND, CONFLICT or UNAVAILABLE. */
  pause(id: string): Promise<void>;
  /** Throws as `pause` does. */
  resume(id: string): Promise<void>;
  reload(options: { dryRun: boolean }): Promise<Reload>;
};

export type Reload = {
  applied: boolean;
  endpoints: readonly Endpoint[];
  added: readonly string[];
  changed: readonly string[];
  removed: readonly string[];
  errors: readonly ConfigProblem[];
};

/** Made for each request. */
export type Context = {
  /** Its own fork. */
  em: EntityManager;
  viewer: Viewer;
  transactions: Transactions;
  endpoints: Endpoints;
  loaders: Loaders;
};

export const builder = new SchemaBuilder<{
  Context: Context;
  AuthScopes: { admin: boolean };
  DefaultFieldNullability: false;
  Connection: { totalCount: () => Promise<number> };
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: unknown; Output: unknown };
  };
}>({
  defaultFieldNullability: false,
  plugins: [ScopeAuthPlugin, RelayPlugin],
  scopeAuth: {
    authScopes: ({ viewer }) => ({ admin: viewer?.kind === 'admin' }),
    unauthorizedError: () =>
      new Refusal('UNAUTHENTICATED', 'This needs the header "Authorization: Bearer <admin token>".'),
  },
  relay: {
    cursorType: 'String',
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    edgesFieldOptions: { nullable: false, description: 'The rows of this page, each with its cursor.' },
    nodeFieldOptions: { nullable: false, description: 'The row.' },
    nodesOnConnection: { description: 'The rows of this page.' },
    cursorFieldOptions: { description: 'The place of this row, for `after` and `before`.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    pageInfoFieldOptions: { description: 'Where this page stands in the list.' },
    hasNextPageFieldOptions: { description: 'Whether rows follow this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether rows come before this page.' },
    startCursorFieldOptions: { description: 'Cursor of the first row; null on an empty page.' },
    endCursorFieldOptions: { description: 'Cursor of the last row; null on an empty page.' },
    firstArgOptions: { description: 'How many rows from the start, or from `after` on: 0 to 200; 50 when absent.' },
    afterArgOptions: { description: 'Only rows that follow this cursor.' },
    lastArgOptions: {
      description: 'How many rows from the end, or before `before`: 0 to 200. Not together with `first`.',
    },
    beforeArgOptions: { description: 'Only rows that come before this cursor.' },
  },
});

builder.addScalarType('DateTime', DateTime);
builder.addScalarType('JSON', JsonScalar);

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'How many rows the whole list has. Counted only when asked for.',
    resolve: (connection) => connection.totalCount(),
  }),
);

// Whatever is added to these two is for admins, unless it says otherwise itself.
builder.queryType({ description: 'What can be read.', authScopes: { admin: true } });
builder.mutationType({ description: 'What can be changed.', authScopes: { admin: true } });
