// An OpenID provider's configuration: discovered at first use, kept for an hour, with one discovery for all who wait.

import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  allowInsecureRequests,
  clockTolerance,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
} from 'openid-client';
import type { ProviderSettings } from '../../settings/oauth.ts';
import { failureOfProvider, otherIssuer } from './openid-failure.ts';
import { type AskProvider, askingProvider } from './provider-http.ts';

export type OpenIdSettings = Omit<Extract<ProviderSettings, { protocol: 'openid' }>, 'name'>;

/** So that new endpoints are seen; new keys are seen by openid-client itself, at most once a minute. */
const keptForMs = 3_600_000;
/** How far the provider's clock may be off, in seconds. */
const toleranceS = 60;

/**
 * A function that resolves with the configuration in force. Throws Refusal UNAVAILABLE when the provider cannot be
 * asked, or names another issuer than the settings; a failure is not kept.
 */
export function keepConfiguration(settings: OpenIdSettings): () => Promise<Configuration> {
  const ask = askingProvider({ id: settings.id, url: settings.issuer });
  let kept: { configuration: Promise<Configuration>; until: number } | null = null;
  return () => {
    const now = Date.now();
    if (kept !== null && now < kept.until) return kept.configuration;
    const asked = { configuration: discover(settings, ask), until: now + keptForMs };
    kept = asked;
    asked.configuration.catch(() => {
      if (kept === asked) kept = null;
    });
    return asked.configuration;
  };
}

async function discover(settings: OpenIdSettings, ask: AskProvider): Promise<Configuration> {
  const { id, issuer, clientId, clientSecret } = settings;
  const server = new URL(issuer);
  try {
    const configuration = await discovery(
      server,
      clientId,
      { [clockTolerance]: toleranceS },
      authenticate(clientSecret),
      {
        [customFetch]: async (url, { method, headers, body }) => {
          const form = body instanceof URLSearchParams ? body.toString() : undefined;
          return await withoutNulls(await ask(url, { method, headers, body: form }));
        },
        execute: [
          // Without these checks the library trusts TLS and does not verify the ID token's signature.
          enableNonRepudiationChecks,
          // Deprecated only to be noticed. The settings allow http on loopback alone, and so does each request.
          // oxlint-disable-next-line typescript/no-deprecated
          ...(server.protocol === 'http:' ? [allowInsecureRequests] : []),
        ],
      },
    );
    // Equal by characters (OpenID Connect Discovery 1.0, section 4.3): the library accepts a trailing slash, and two
    // vendors whose documents name another issuer.
    if (configuration.serverMetadata().issuer !== issuer) throw otherIssuer(id);
    return configuration;
  } catch (error) {
    throw failureOfProvider(id, error);
  }
}

/**
 * The answer without members that are null, such as `"refresh_token": null`, which the library takes for a wrong type.
 * What must be there is then missing.
 */
async function withoutNulls(answer: Response): Promise<Response> {
  const text = await answer.text();
  return new Response(parsedWithoutNulls(text) ?? text, { status: answer.status, headers: answer.headers });
}

/** Null for what is no JSON object. */
function parsedWithoutNulls(text: string): string | null {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
    return JSON.stringify(Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null)));
  } catch {
    return null;
  }
}

/**
 * client_secret_basic when the provider takes it or does not say (OpenID Connect Discovery 1.0, section 3), else
 * client_secret_post. RFC 6749 section 2.3.1 prefers the first.
 */
function authenticate(clientSecret: string): ClientAuth {
  const basic = ClientSecretBasic(clientSecret);
  const post = ClientSecretPost(clientSecret);
  return (server, client, body, headers) => {
    const methods: unknown = server.token_endpoint_auth_methods_supported;
    const takesBasic = !Array.isArray(methods) || methods.includes('client_secret_basic');
    (takesBasic ? basic : post)(server, client, body, headers);
  };
}
