// The providers of config/oauth.yaml, each speaking its own protocol.

import type { ProviderSettings } from '../../settings/oauth.ts';
import { githubProvider } from './github.ts';
import { openIdProvider } from './openid.ts';
import type { NamedProvider, Provider } from './provider.ts';

/** By id, in the order of the settings. Contacts no provider, so one that is away does not stop a start. */
export function createProviders(settings: readonly ProviderSettings[]): ReadonlyMap<string, NamedProvider> {
  return new Map(settings.map((provider) => [provider.id, { ...createProvider(provider), name: provider.name }]));
}

function createProvider(settings: ProviderSettings): Provider {
  return settings.protocol === 'openid' ? openIdProvider(settings) : githubProvider(settings);
}
