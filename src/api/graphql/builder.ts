// The schema's builder: its plugins, scalars and authorisation, and the context of every resolver.

import type { EntityManager } from '@mikro-orm/postgresql';
import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { WebhookEvent } from '../../model/webhook-event.ts';
import type { ConfigProblem } from '../../settings/problem.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import type { Transactions } from '../../outbox/transactions.ts';
import type { SignIn } from '../../users/sign-in.ts';
import type { Tails } from '../tail/tails.ts';
import { type Viewer, needAdmin, needUser } from '../viewer.ts';
import type { Loaders } from './loaders.ts';
import { DateTime, JsonScalar } from './scalars.ts';

/** What the API asks of the configuration in force. */
export type Endpoints = {
  inForce(): readonly Endpoint[];
  /** Throws Refusal NOT_FOUND, CONFLICT or UNAVAILABLE. */
  pause(id: string): Promise<void>;
  /** Throws as `pause` does. */
  resume(id: string): Promise<void>;
  /** Throws as `pause` does, and BAD_USER_INPUT for a position that it cannot go to. */
  rewind(id: string, to: { position: string; at?: never } | { at: Date; position?: never }): Promise<void>;
  /** Queues failed deliveries; returns how many. Throws as `rewind` does. */
  replay(wish: ReplayWish): Promise<number>;
  /** Records a webhook.test for one endpoint. Throws as `pause` does. */
  sendTest(id: string): Promise<WebhookEvent>;
  reload(options: { dryRun: boolean; allowDrop: boolean }): Promise<Reload>;
};

/** By the ids of deliveries (UUIDs in lower case), or by an endpoint and when its attempts began. */
export type ReplayWish =
  | { deliveryIds: readonly string[] }
  | { endpointId: string; since: Date | null; until: Date | null };

export type Reload = {
  applied: boolean;
  endpoints: readonly Endpoint[];
  added: readonly string[];
  changed: readonly string[];
  removed: readonly string[];
  dropped: readonly DroppedBacklog[];
  errors: readonly ReloadProblem[];
};

export type DroppedBacklog = { endpointId: string; backlog: number };

export type ReloadProblem = Omit<ConfigProblem, 'line' | 'column'> & { line: number | null; column: number | null };

/** Made for each request. */
export type Context = {
  /** Its own fork. */
  em: EntityManager;
  /** Read from the database once, for a field of a mutation when it begins. Rejects with Refusal UNAVAILABLE. */
  viewer(): Promise<Viewer>;
  /** Reads it at each call. Rejects as `viewer` does. */
  askAgain(): Promise<Viewer>;
  transactions: Transactions;
  endpoints: Endpoints;
  loaders: Loaders;
  tails: Tails;
  /** The address that limits count by. */
  client: string;
  signIn: SignIn;
  /** Base of the addresses that browsers are sent to. */
  publicUrl(): string;
  /** Counts a sign-in begun by this request's client. Throws Refusal RATE_LIMITED. */
  countStart(): Promise<void>;
  /** Removes the session cookie with the answer. */
  endCookie(): void;
};

export const builder = new SchemaBuilder<{
  Context: Context;
  AuthScopes: { admin: boolean; signedIn: boolean };
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
    authorizeOnSubscribe: true,
    // They throw instead of returning false, so that the error says what is missing.
    authScopes: ({ viewer }) => ({
      admin: async () => {
        needAdmin(await viewer());
        return true;
      },
      signedIn: async () => {
        needUser(await viewer());
        return true;
      },
    }),
  },
  relay: {
    cursorType: 'String',
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    edgesFieldOptions: { nullable: false, description: 'The rows of this page, each with its cursor.' },
    nodeFieldOptions: { nullable: false, description: 'The row.' },
    nodesOnConnection: { description: 'The rows of this page.' },
    cursorFieldOptions: { description: 'Marks this row, for `after` and `before`.' },
    pageInfoTypeOptions: { description: 'Where a page is in its list.' },
    pageInfoFieldOptions: { description: 'Where this page is in the list.' },
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

// Fields of these two are for admins, unless they say otherwise.
builder.queryType({ description: 'What can be read.', authScopes: { admin: true } });
builder.mutationType({ description: 'What can be changed.', authScopes: { admin: true } });
