// Reads config/oauth.yaml: gives complete providers, or every problem.

import { readConfigFile } from './config-file.ts';
import type { SecretReference } from './file-secrets.ts';
import { type ProviderYaml, builtIn, oauthSchema, unknownKeys } from './oauth-schema.ts';
import { asList, asMap } from './plain-value.ts';
import type { ConfigProblem } from './problem.ts';
import { doubtAboutSecret } from './secret-doubts.ts';
import type { Secrets } from './secrets.ts';

export type ProviderSettings = {
  id: string;
  /** What people read; the id where the file has no other. */
  name: string;
  clientId: string;
  /** The value; empty while secrets stay unresolved. */
  clientSecret: string;
  scopes: readonly string[];
} & (
  | {
      protocol: 'openid';
      /** Exactly as written: issuers are compared by characters (OpenID Connect Core 1.0, section 3.1.3.7). */
      issuer: string;
    }
  | {
      protocol: 'github';
      /** Base of its pages, without a trailing slash. */
      url: string;
    }
);

export type OAuthOptions = {
  /** The working directory. */
  directory: string;
  /** Null: secrets stay unresolved. */
  secrets: Secrets | null;
};

export type OAuth =
  | {
      ok: true;
      /** In the order of the file; none where there is no file. */
      providers: ProviderSettings[];
      warnings: ConfigProblem[];
    }
  | { ok: false; problems: ConfigProblem[]; warnings: ConfigProblem[] };

const form = {
  file: 'config/oauth.yaml',
  schema: oauthSchema,
  list: 'providers',
  unknownKeys,
  without: 'nobody can sign in',
  secretsIn,
  problemsIn: () => [],
  doubtsIn: () => [],
};

/** Never throws. Problems and warnings come in the order of the file, at most 1,000 of each. */
export async function readOAuth(options: OAuthOptions): Promise<OAuth> {
  const read = await readConfigFile(form, options);
  if (!read.ok) return read;
  const { providers = [] } = read.content ?? {};
  return {
    ok: true,
    providers: providers.map((provider) => complete(provider, read.secrets)),
    warnings: read.warnings,
  };
}

function complete(provider: ProviderYaml, secrets: ReadonlyMap<string, string>): ProviderSettings {
  const { id, name = id, issuer, client_id: clientId, client_secret: secret, scopes, url } = provider;
  const client = { id, name, clientId, clientSecret: secrets.get(secret) ?? '' };
  if (issuer !== undefined) {
    return { ...client, protocol: 'openid', issuer, scopes: scopes ?? builtIn.openid.scopes };
  }
  // The URL parser normalises the site, so any spelling of github.com is github.com.
  const site = new URL(url ?? builtIn.github.url).href.replace(/(?<!\/)\/+$/, '');
  return { ...client, protocol: 'github', url: site, scopes: scopes ?? builtIn.github.scopes };
}

function secretsIn(value: unknown): SecretReference[] {
  return asList(asMap(value)['providers']).map((provider, index) => ({
    name: asMap(provider)['client_secret'],
    path: ['providers', index, 'client_secret'],
    check: (secret) => {
      if (/\p{Cc}/u.test(secret)) {
        return { problem: 'the secret cannot be used: it holds a line break or control character' };
      }
      const warning = doubtAboutSecret(secret);
      return warning === null ? {} : { warning };
    },
  }));
}
