// `tidings check`: reads the configuration files as a start would, and prints every problem.

import { type FileSettings, readFileSettings } from '../settings/environment.ts';
import { type ConfigProblem, problemLine } from '../settings/problem.ts';
import { createSecrets } from '../settings/secrets.ts';
import { type Webhooks, readWebhooks } from '../settings/webhooks.ts';

export type CheckOptions = {
  /** Print one JSON object to stdout, and nothing else. */
  json?: boolean;
  /** False leaves secrets unresolved. */
  secrets: boolean;
};

type Findings = { errors: ConfigProblem[]; warnings: ConfigProblem[]; endpoints: number };

/** Checks the files of the working directory; answers the exit status: 1 when there is a problem, else 0. */
export async function check(options: CheckOptions): Promise<number> {
  const read = readFileSettings();
  const findings =
    'settings' in read ? findingsOf(await readFiles(read.settings, options)) : badSettings(read.problems);
  const ok = findings.errors.length === 0;
  if (options.json === true) {
    const { errors, warnings } = findings;
    process.stdout.write(`${JSON.stringify({ ok, errors, warnings })}\n`);
  } else {
    for (const problem of findings.errors) process.stderr.write(`${problemLine(problem)}\n`);
    for (const warning of findings.warnings) {
      process.stderr.write(`${problemLine({ ...warning, message: `warning: ${warning.message}` })}\n`);
    }
    if (ok) process.stdout.write(`No problems; ${findings.endpoints} ${plural(findings.endpoints)}.\n`);
  }
  return ok ? 0 : 1;
}

async function readFiles({ allowHttp, secretsDirectory }: FileSettings, { secrets }: CheckOptions): Promise<Webhooks> {
  return await readWebhooks({
    directory: process.cwd(),
    allowHttp,
    // That a secret comes from the environment is said by a start, in its log.
    secrets: secrets ? createSecrets({ directory: secretsDirectory, warn: () => {} }) : null,
  });
}

function findingsOf(webhooks: Webhooks): Findings {
  return webhooks.ok
    ? { errors: [], warnings: webhooks.warnings, endpoints: webhooks.endpoints.length }
    : { errors: webhooks.problems, warnings: webhooks.warnings, endpoints: 0 };
}

/** A setting has no place in a file; its line begins with the variable's name. */
function badSettings(problems: readonly string[]): Findings {
  const errors = problems.map((problem) => {
    const [path = '', ...words] = problem.split(' ');
    return { file: 'environment', line: 1, column: 1, path, message: words.join(' ') };
  });
  return { errors, warnings: [], endpoints: 0 };
}

function plural(endpoints: number): string {
  return endpoints === 1 ? 'endpoint' : 'endpoints';
}
