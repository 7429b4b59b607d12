// The door: the API with its sign-in, limits and health, behind a socket that listens already.

import { getIntrospectionQuery } from 'graphql';
import type { ProviderSettings } from '../settings/oauth.ts';
import type { ServiceSecrets } from '../settings/service-secrets.ts';
import type { Settings } from '../settings/environment.ts';
import { createProviders } from '../users/providers/providers.ts';
import { createSessions } from '../users/sessions.ts';
import { createSignIn } from '../users/sign-in.ts';
import { type Api, createApp } from './app.ts';
import type { Listener } from './listener.ts';
import type { RateLimits } from './rate-limits.ts';

export type DoorParts = Pick<
  Api,
  | 'orm'
  | 'reads'
  | 'transactions'
  | 'endpoints'
  | 'tails'
  | 'readiness'
  | 'isDraining'
  | 'scrape'
  | 'countOperation'
  | 'countSignIn'
  | 'version'
  | 'log'
  | 'traces'
> & {
  settings: Pick<Settings, 'publicUrl' | 'allowedOrigins' | 'trustProxy' | 'sessionTtlMs'>;
  listener: Listener;
  providers: readonly ProviderSettings[];
  secrets: Omit<ServiceSecrets, 'local'>;
  limits: RateLimits;
};

export type Door = AsyncDisposable & {
  /** Where the service is reached from outside. */
  url: string;
  /** Stops accepting, waits up to `graceMs` for requests in flight, then cuts off what is left. */
  close(graceMs: number): Promise<void>;
};

/** Resolves when it answers. */
export async function openDoor(parts: DoorParts): Promise<Door> {
  const { settings, listener, orm, transactions } = parts;
  const { sessionSecret, ...tokens } = parts.secrets;
  await using opening = new AsyncDisposableStack();
  const publicUrl = () => settings.publicUrl ?? listener.url;
  const ownOrigin = settings.publicUrl ? [new URL(settings.publicUrl).origin] : [];

  const sessions = createSessions({ orm, secret: sessionSecret, ttlMs: settings.sessionTtlMs });
  const signIn = createSignIn({
    transactions,
    orm,
    providers: createProviders(parts.providers),
    sessions,
    stateSecret: sessionSecret,
    publicUrl,
    allowedOrigins: settings.allowedOrigins,
  });
  const app = createApp({
    ...parts,
    tokens,
    sessions,
    signIn,
    publicUrl,
    trustProxy: settings.trustProxy,
    allowedOrigins: [...settings.allowedOrigins, ...ownOrigin],
  });
  await warmUp(app, publicUrl());
  listener.serve(app);

  const opened = opening.move();
  return {
    url: publicUrl(),
    close: listener.close,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/**
 * The first query of a process compiles what all others use, which takes five times as long as the query itself. It is
 * the one that editors send first, whose answer is kept.
 */
async function warmUp(app: ReturnType<typeof createApp>, publicUrl: string): Promise<void> {
  const body = JSON.stringify({ query: getIntrospectionQuery(), operationName: 'IntrospectionQuery' });
  const headers = { 'content-type': 'application/json' };
  const response = await app.fetch(new Request(new URL('/graphql', publicUrl), { method: 'POST', headers, body }));
  await response.arrayBuffer();
}
