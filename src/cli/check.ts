// `tidings check`: reads the configuration files as a start would, and prints every problem.

import { type FileSettings, readFileSettings } from '../settings/environment.ts';
import { readOAuth } from '../settings/oauth.ts';
import { type ConfigProblem, problemLine } from '../settings/problem.ts';
import { createSecrets } from '../settings/secrets.ts';
import { readWebhooks } from '../settings/webhooks.ts';
import { givesUpLines } from './gives-up.ts';

export type CheckOptions = {
  /** Print one JSON object to stdout, and nothing else. */
  json?: boolean;
  /** False leaves secrets unresolved. */
  secrets: boolean;
};

type Findings = {
  errors: ConfigProblem[];
  warnings: ConfigProblem[];
  endpoints: number;
  providers: number;
  givesUp: string[];
};

/** Checks the files of the working directory; returns the exit status: 1 when there is a problem, else 0. */
export async function check(options: CheckOptions): Promise<number> {
  const read = readFileSettings();
  const findings = 'settings' in read ? await findingsIn(read.settings, options) : badSettings(read.problems);
  const ok = findings.errors.length === 0;
  if (options.json === true) {
    const { errors, warnings } = findings;
    process.stdout.write(`${JSON.stringify({ ok, errors, warnings })}\n`);
  } else {
    for (const problem of findings.errors) process.stderr.write(`${problemLine(problem)}\n`);
    for (const warning of findings.warnings) {
      process.stderr.write(`${problemLine({ ...warning, message: `warning: ${warning.message}` })}\n`);
    }
    if (ok) process.stdout.write([`No problems; ${countsOf(findings)}.`, ...findings.givesUp, ''].join('\n'));
  }
  return ok ? 0 : 1;
}

async function findingsIn({ allowHttp, secretsDirectory }: FileSettings, options: CheckOptions): Promise<Findings> {
  const directory = process.cwd();
  // The warning about a secret from the environment is only for a start's log.
  const secrets = options.secrets ? createSecrets({ directory: secretsDirectory, warn: () => {} }) : null;
  const webhooks = await readWebhooks({ directory, allowHttp, secrets });
  const oauth = await readOAuth({ directory, secrets });
  return {
    errors: [webhooks, oauth].flatMap((file) => (file.ok ? [] : file.problems)),
    warnings: [...webhooks.warnings, ...oauth.warnings],
    endpoints: webhooks.ok ? webhooks.endpoints.length : 0,
    givesUp: webhooks.ok ? givesUpLines(webhooks.endpoints) : [],
    providers: oauth.ok ? oauth.providers.length : 0,
  };
}

/** A setting is in no file; its problem begins with the variable's name. */
function badSettings(problems: readonly string[]): Findings {
  const errors = problems.map((problem) => {
    const [path = '', ...words] = problem.split(' ');
    return { file: 'environment', line: 1, column: 1, path, message: words.join(' ') };
  });
  return { errors, warnings: [], endpoints: 0, providers: 0, givesUp: [] };
}

function countsOf({ endpoints, providers }: Findings): string {
  const counted = `${endpoints} ${endpoints === 1 ? 'endpoint' : 'endpoints'}`;
  return providers === 0 ? counted : `${counted}, ${providers} ${providers === 1 ? 'provider' : 'providers'}`;
}
