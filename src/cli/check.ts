// `tidings check`: reads the settings and the configuration files as a start would, and prints every problem.

import { findServerUrls } from '../settings/server-urls.ts';
import { readEnvironment, readFileSettings } from '../settings/environment.ts';
import { readOAuth } from '../settings/oauth.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { type ConfigProblem, type SettingProblem, problemLine } from '../settings/problem.ts';
import { createSecrets } from '../settings/secrets.ts';
import { settingWarnings } from '../settings/start-remarks.ts';
import { readWebhooks } from '../settings/webhooks.ts';
import { counted } from './counted.ts';
import { givesUpLines } from './gives-up.ts';
import { print, printJson, say } from './terminal.ts';

export type CheckOptions = {
  /** Print one JSON object to stdout, and nothing else. */
  json?: boolean;
  /** False leaves secrets unresolved. */
  secrets: boolean;
};

type Problem = ConfigProblem | SettingProblem;
export type Findings = {
  errors: Problem[];
  warnings: Problem[];
  endpoints: readonly Endpoint[];
  providers: number;
  /** When endpoints give an event up. */
  givesUp: string[];
};

/** Checks the settings, and the files of the working directory; returns the exit status: 1 when there is a problem, else 0. */
export async function check(options: CheckOptions): Promise<number> {
  const findings = await findProblems(options);
  const ok = findings.errors.length === 0;
  if (options.json === true) {
    const { errors, warnings } = findings;
    printJson({ ok, errors, warnings });
  } else {
    for (const problem of findings.errors) say(problemLine(problem));
    for (const warning of findings.warnings) say(problemLine({ ...warning, message: `warning: ${warning.message}` }));
    if (ok) for (const line of [`No problems; ${countsOf(findings)}.`, ...findings.givesUp]) print(line);
  }
  return ok ? 0 : 1;
}

/** What a start would find in the settings and the files. */
export async function findProblems(options: Pick<CheckOptions, 'secrets'>): Promise<Findings> {
  const given = options.secrets ? await findServerUrls() : null;
  const environment = readEnvironment(given?.environment);
  const settings = 'settings' in environment ? environment.settings : null;
  const settingProblems = [...(given?.problems ?? []), ...('problems' in environment ? environment.problems : [])];
  // A bad setting hides no mistake in a file, unless the file is read by it.
  const files = readFileSettings();
  const read = 'settings' in files ? await findInFiles(files.settings, settings?.allowedNetworks, options) : null;
  return {
    errors: [...settingProblems.map(settingProblem), ...(read?.errors ?? [])],
    warnings: [...settingWarnings(settings, read?.webhooks ?? []), ...(read?.warnings ?? [])],
    endpoints: read?.webhooks ?? [],
    providers: read?.providers ?? 0,
    givesUp: givesUpLines(read?.webhooks ?? []),
  };
}

async function findInFiles(
  { allowHttp, secretsDirectory }: { allowHttp: boolean; secretsDirectory: string },
  allowedNetworks: readonly string[] | undefined,
  options: Pick<CheckOptions, 'secrets'>,
) {
  const directory = process.cwd();
  // The warning about a secret from the environment is only for a start's log.
  const secrets = options.secrets ? createSecrets({ directory: secretsDirectory, warn: () => {} }) : null;
  const webhooks = await readWebhooks({ directory, allowHttp, allowedNetworks, secrets });
  const oauth = await readOAuth({ directory, secrets });
  return {
    errors: [webhooks, oauth].flatMap((file) => (file.ok ? [] : file.problems)),
    warnings: [...webhooks.warnings, ...oauth.warnings],
    webhooks: webhooks.ok ? webhooks.endpoints : [],
    providers: oauth.ok ? oauth.providers.length : 0,
  };
}

/** A problem of a setting begins with the variable's name. */
function settingProblem(problem: string): SettingProblem {
  const [path = '', ...words] = problem.split(' ');
  return { file: 'environment', path, message: words.join(' ') };
}

function countsOf({ endpoints: { length }, providers }: Findings): string {
  const endpoints = counted(length, 'endpoint');
  return providers === 0 ? endpoints : `${endpoints}, ${counted(providers, 'provider')}`;
}
