// The door: the API with its sign-in, limits and health, on a socket that listens.

import type { ProviderSettings } from '../settings/oauth.ts';
import type { ServiceSecrets } from '../settings/service-secrets.ts';
import type { Settings } from '../settings/environment.ts';
import { createProviders } from '../users/providers/providers.ts';
import { createSessions } from '../users/sessions.ts';
import { createSignIn } from '../users/sign-in.ts';
import { type Api, createApp } from './app.ts';
import type { RateLimits } from './rate-limits.ts';
import { openHttp } from './server.ts';

export type DoorParts = Pick<
  Api,
  'orm' | 'transactions' | 'endpoints' | 'readiness' | 'isDraining' | 'version' | 'log'
> & {
  settings: Pick<Settings, 'host' | 'port' | 'publicUrl' | 'allowedOrigins' | 'trustProxy' | 'sessionTtlMs'>;
  providers: readonly ProviderSettings[];
  secrets: Pick<ServiceSecrets, 'adminToken' | 'sessionSecret'>;
  limits: RateLimits;
};

export type Door = AsyncDisposable & {
  /** Where the service is reached from outside. */
  url: string;
  /** Where it listens. */
  listeningAt: string;
  /** Stops accepting, waits up to `graceMs` for requests in flight, then cuts off what is left. */
  close(graceMs: number): Promise<void>;
};

/** Resolves when it listens. */
export async function openDoor(parts: DoorParts): Promise<Door> {
  const { settings, orm, transactions } = parts;
  const { adminToken, sessionSecret } = parts.secrets;
  await using opening = new AsyncDisposableStack();
  let listeningAt = '';
  const publicUrl = () => settings.publicUrl ?? listeningAt;
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
    adminToken,
    sessions,
    signIn,
    publicUrl,
    trustProxy: settings.trustProxy,
    allowedOrigins: [...settings.allowedOrigins, ...ownOrigin],
  });
  const http = opening.use(await openHttp({ host: settings.host, port: settings.port, app }));
  listeningAt = http.url;

  const opened = opening.move();
  return { url: publicUrl(), listeningAt, close: http.close, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
