// What a start says of its settings: where the service's own secrets are, and what may not be as the operator meant it.

import { databaseUrlWarning } from './database-url.ts';
import type { Settings } from './environment.ts';
import { relationWarnings } from './relations.ts';
import type { Configuration } from './start-settings.ts';

type Log = Record<'info' | 'warn', (fields: object, message: string) => void>;

export function remarkOnSettings(
  log: Log,
  {
    databaseUrl,
    shutdownGraceMs,
    deliveryRetentionMs,
  }: Pick<Settings, 'databaseUrl' | 'shutdownGraceMs' | 'deliveryRetentionMs'>,
  { serviceSecrets, webhooks, oauth }: Pick<Configuration, 'serviceSecrets' | 'webhooks' | 'oauth'>,
): void {
  for (const { name, path, created } of serviceSecrets.local) {
    log.info({ secret: name, path }, created ? `${name} was made` : `${name} is read from its local file`);
  }
  const unchecked = databaseUrl && databaseUrlWarning(databaseUrl);
  if (unchecked) log.warn({}, unchecked);
  for (const { file, line, message } of [...webhooks.warnings, ...oauth.warnings]) log.warn({ file, line }, message);
  const relations = { shutdownGraceMs, deliveryRetentionMs, endpoints: webhooks.endpoints };
  for (const warning of relationWarnings(relations)) log.warn({}, warning);
}
