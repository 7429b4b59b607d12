// `tidings reload`: the running service reads config/webhooks.yaml again.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { confirm } from './confirm.ts';
import { counted } from './counted.ts';
import { reloadConfiguration } from './documents.ts';
import { print, printJson, say } from './terminal.ts';

export type ConfigError = { file: string; line: number | null; column: number | null; path: string; message: string };

type Reload = {
  applied: boolean;
  added: string[];
  changed: string[];
  removed: string[];
  dropped: { endpointId: string; backlog: number }[];
  errors: ConfigError[];
};

export type ReloadOptions = ClientOptions & { json?: boolean; dryRun?: boolean; allowDrop?: boolean; yes?: boolean };

/** Returns the exit status: 1 when nothing was changed although it should. */
export async function reload(options: ReloadOptions, { refuse }: CommandSurroundings): Promise<number> {
  const { json, dryRun = false, allowDrop = false, yes } = options;
  const client = await openClient(options);
  const ask = async (how: { dryRun: boolean; allowDrop: boolean }) =>
    (await client.ask<{ reloadWebhooks: Reload }>(reloadConfiguration, how)).reloadWebhooks;
  if (allowDrop && !dryRun) {
    const { dropped } = await ask({ dryRun: true, allowDrop });
    if (dropped.length > 0) {
      say('These lose what they still had to get:');
      for (const one of dropped) say(`  ${one.endpointId}  ${counted(one.backlog, 'event')}`);
      if (!(await confirm('Reload?', { yes, refuse }))) return 1;
    }
  }
  const result = await ask({ dryRun, allowDrop });
  if (json === true) printJson(result, 2);
  else show(result, dryRun);
  for (const error of result.errors) say(configErrorLine(error));
  return result.errors.length === 0 && (dryRun || result.applied) ? 0 : 1;
}

export function configErrorLine({ file, line, column, path, message }: ConfigError): string {
  const place = line === null ? file : `${file}:${line}:${column}`;
  return `${place} ${path === '' ? '(root)' : path}: ${message}`;
}

function show({ applied, errors, ...lists }: Reload, dryRun: boolean): void {
  const { added, changed, removed, dropped } = lists;
  const named = (what: string, ids: readonly string[]) => ids.length > 0 && print(`${what}: ${ids.join(' ')}`);
  if (errors.length > 0) return say('Nothing was changed: the configuration in force stays.');
  named('added', added);
  named('changed', changed);
  named('removed', removed);
  for (const { endpointId, backlog } of dropped) print(`drops: ${endpointId} (${counted(backlog, 'event')})`);
  if (added.length + changed.length + removed.length === 0) say('There is nothing to change.');
  else if (dryRun) say('That is what a reload would change.');
  else say(applied ? 'It is in force.' : 'Nothing was changed.');
}
