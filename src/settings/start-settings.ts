// What a start reads before it opens anything: the environment, and the configuration files with their secrets.

import { join, resolve as absolute } from 'node:path';
import { withServerUrls } from './server-urls.ts';
import type { EndpointSettings } from './endpoint.ts';
import { type Settings, readEnvironment } from './environment.ts';
import { type OAuth, readOAuth } from './oauth.ts';
import { problemLine } from './problem.ts';
import { type Secrets, type SecretWarning, createSecrets } from './secrets.ts';
import { type ServiceSecrets, resolveServiceSecrets } from './service-secrets.ts';
import { StartError } from './start-error.ts';
import { type ResolvedEndpoints, resolveEndpoints } from './stored-endpoints.ts';
import { type Webhooks, readWebhooks } from './webhooks.ts';

/** Throws a StartError that names every bad setting. */
export async function readSettings(): Promise<Settings & { workDirectory: string; stateDirectory: string }> {
  const read = readEnvironment(await withServerUrls(process.env));
  if ('problems' in read) throw new StartError(...read.problems);
  const workDirectory = process.cwd();
  return { ...read.settings, workDirectory, stateDirectory: join(workDirectory, '.tidings') };
}

export type Configuration = {
  serviceSecrets: ServiceSecrets;
  /** Where the file with the admin's token is, unless the token comes from the environment. */
  tokenDirectory: string;
  webhooks: Extract<Webhooks, { ok: true }>;
  oauth: Extract<OAuth, { ok: true }>;
  /** Reads config/webhooks.yaml and its secrets again; config/oauth.yaml is read only by a start. */
  read(): Promise<Webhooks>;
  /** Adds to stored endpoints the values of secrets that this instance finds now. */
  resolve(endpoints: readonly EndpointSettings[]): Promise<ResolvedEndpoints>;
};

/** Throws a StartError with every problem of both files and of the service's own secrets. */
export async function readConfiguration(
  settings: Pick<Settings, 'allowHttp' | 'allowedNetworks' | 'secretsDirectory' | 'databaseUrl'> & {
    workDirectory: string;
    stateDirectory: string;
  },
  warn: (warning: SecretWarning) => void,
): Promise<Configuration> {
  const secrets: Secrets = createSecrets({ directory: settings.secretsDirectory, warn });
  const { workDirectory: directory, allowHttp, allowedNetworks } = settings;
  const read = () => readWebhooks({ directory, allowHttp, allowedNetworks, secrets });
  const webhooks = await read();
  const oauth = await readOAuth({ directory, secrets });
  const localDirectory = settings.databaseUrl === null ? settings.stateDirectory : null;
  const serviceSecrets = await resolveServiceSecrets({ secrets, localDirectory });
  const problems = [
    ...[webhooks, oauth].flatMap((file) => (file.ok ? [] : file.problems.map(problemLine))),
    ...('problems' in serviceSecrets ? serviceSecrets.problems : []),
  ];
  if (!webhooks.ok || !oauth.ok || 'problems' in serviceSecrets) throw new StartError(...problems);
  const resolve = (endpoints: readonly EndpointSettings[]) => resolveEndpoints(endpoints, { secrets, allowHttp });
  const isLocal = serviceSecrets.local.some(({ name }) => name === 'admin_token');
  const tokenDirectory = isLocal ? settings.stateDirectory : absolute(settings.secretsDirectory);
  return { serviceSecrets, tokenDirectory, webhooks, oauth, read, resolve };
}
