// What a start says of its settings: where the service's own secrets are, and what may not be as the operator meant it.

import { databaseUrlWarning } from './server-urls.ts';
import type { Settings } from './environment.ts';
import { doubtsAboutNames, doubtsAboutPort, doubtsAboutPublicUrl } from './environment-doubts.ts';
import type { Endpoint } from './endpoint.ts';
import type { SettingProblem } from './problem.ts';
import { relationWarnings } from './relations.ts';
import type { Configuration } from './start-settings.ts';
import { doubtsAboutTraces } from './trace-doubts.ts';

type Log = Record<'info' | 'warn', (fields: object, message: string) => void>;

type Remarked = Pick<Settings, 'databaseUrl' | 'port' | 'publicUrl' | 'shutdownGraceMs' | 'deliveryRetentionMs'>;

export function remarkOnSettings(
  log: Log,
  settings: Remarked,
  { serviceSecrets, webhooks, oauth }: Pick<Configuration, 'serviceSecrets' | 'webhooks' | 'oauth'>,
): void {
  for (const { name, path, created } of serviceSecrets.local) {
    log.info({ secret: name, path }, created ? `${name} was made` : `${name} is read from its local file`);
  }
  for (const { file, line, path, message } of [...webhooks.warnings, ...oauth.warnings]) {
    log.warn({ file, line, path }, message);
  }
  for (const { file, path, message } of settingWarnings(settings, webhooks.endpoints)) {
    log.warn({ file, setting: path }, message);
  }
}

/** What is valid, and perhaps not meant; without `settings`, which some were bad, only the variables' names are looked at. */
export function settingWarnings(settings: Remarked | null, endpoints: readonly Endpoint[]): SettingProblem[] {
  if (settings === null) return doubtsAboutNames();
  const { databaseUrl, port, publicUrl, shutdownGraceMs, deliveryRetentionMs } = settings;
  const unchecked = databaseUrl === null ? null : databaseUrlWarning(databaseUrl);
  const relations = relationWarnings({ shutdownGraceMs, deliveryRetentionMs, endpoints });
  return [
    ...doubtsAboutNames(),
    ...doubtsAboutPort(port),
    ...doubtsAboutPublicUrl(publicUrl),
    ...doubtsAboutTraces(),
    ...(unchecked === null ? [] : [{ file: 'environment' as const, path: 'DATABASE_URL', message: unchecked }]),
    ...relations.map((message): SettingProblem => {
      return { file: 'environment', path: message.split(' ', 1)[0]!, message };
    }),
  ];
}
