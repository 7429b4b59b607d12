// The schema's builder: its plugins, scalars and authorisation, and the context of every resolver.

import type { EntityManager, FilterQuery } from '@mikro-orm/postgresql';
import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import type { WebhookEvent } from '../../model/webhook-event.ts';
import type { ConfigProblem } from '../../settings/problem.ts';
import type { Endpoint, EndpointSettings } from '../../settings/endpoint.ts';
import type { Readiness } from '../../operations/readiness.ts';
import type { Transactions } from '../../outbox/transactions.ts';
import type { SignIn } from '../../users/sign-in.ts';
import type { Tails } from '../tail/tails.ts';
import { type Viewer, needAdmin, needPublisher, needReader, needUser, refuseTokens } from '../viewer.ts';
import type { Loaders } from './loaders.ts';
import { DateTime, JsonScalar } from './scalars.ts';

/** What the API asks of the configuration in force. */
export type Endpoints = {
  inForce(): readonly Endpoint[];
  /** As this version of the configuration has it, where it is the one in force: the database has the others. */
  inForceAs(version: number, id: string): EndpointSettings | undefined;
  /** Throws Refusal NOT_FOUND, CONFLICT or UNAVAILABLE. */
  pause(id: string): Promise<void>;
  /** Throws as `pause` does. */
  resume(id: string): Promise<void>;
  /** Throws as `pause` does, and BAD_USER_INPUT for a position that it cannot go to. */
  rewind(id: string, to: RewindTo): Promise<void>;
  /** How many events a rewind would send again, by what this manager reads. Throws as `rewind` does. */
  rewindCount(em: EntityManager, id: string, to: RewindTo): Promise<number>;
  /** Queues failed deliveries, or with `dryRun` only says how many it would queue. Throws as `rewind` does. */
  replay(wish: ReplayWish, options: { dryRun: boolean }): Promise<number>;
  /** Forgets the replays that wait; returns how many. Throws as `pause` does. */
  cancelReplays(id: string): Promise<number>;
  /** Throws as `rewind` does, and UNAVAILABLE when nobody carried it out in time. */
  retryLine(id: string, line: { subject: string | null; eventId: string | null }): Promise<void>;
  /** `eventId` is a UUID in lower case. Throws as `retryLine` does. */
  skipEvent(id: string, eventId: string): Promise<void>;
  /** Records a webhook.test for one endpoint. Throws as `pause` does. */
  sendTest(id: string): Promise<WebhookEvent>;
  reload(options: { dryRun: boolean; allowDrop: boolean }): Promise<Reload>;
};

/** The first position to send again, or the time from which on events are sent again. */
type RewindTo = { position: string; at?: never } | { at: Date; position?: never };

/** By the ids of deliveries (UUIDs in lower case), or all that a filter lets through. */
export type ReplayWish =
  | { deliveryIds: readonly string[] }
  | {
      /** Null: it lets none through. */
      where: FilterQuery<WebhookDelivery> | null;
      /** The endpoint that is named, and by which argument. */
      endpoint: { id: string; argument: string } | null;
      /** What was asked for, for the log. */
      asked: object;
    };

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
  /** Of this program, as in package.json. */
  version: string;
  /** How this instance finds itself and its servers. */
  readiness(): Promise<Readiness>;
  /** Counts a sign-in begun by this request's client. Throws Refusal RATE_LIMITED. */
  countStart(): Promise<void>;
  /** Removes the session cookie with the answer. */
  endCookie(): void;
};

/** What a field may need of who asks. `anybody` leaves out the tokens that are for one thing. */
const needs = {
  admin: needAdmin,
  read: needReader,
  publish: needPublisher,
  signedIn: needUser,
  anybody: refuseTokens,
};

export const builder = new SchemaBuilder<{
  Context: Context;
  AuthScopes: Record<keyof typeof needs, boolean>;
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
    authScopes: ({ viewer }) => {
      const asked = (need: (asking: Viewer) => unknown) => async () => {
        need(await viewer());
        return true;
      };
      return {
        admin: asked(needs.admin),
        read: asked(needs.read),
        publish: asked(needs.publish),
        signedIn: asked(needs.signedIn),
        anybody: asked(needs.anybody),
      };
    },
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

// Fields of these two are for admins, unless they say otherwise. What an admin can read, the read token can.
builder.queryType({
  description: 'What can be read. What is for admins is also for the read token.',
  authScopes: { read: true },
});
builder.mutationType({ description: 'What can be changed.', authScopes: { admin: true } });
