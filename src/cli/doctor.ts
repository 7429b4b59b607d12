// `tidings doctor`: looks at everything that a start needs, and says of each part what is right, wrong, and what to do.

import { join } from 'node:path';
import { readEnvironment } from '../settings/environment.ts';
import { problemLine } from '../settings/problem.ts';
import { findServerUrls } from '../settings/server-urls.ts';
import { findProblems } from './check.ts';
import { counted } from './counted.ts';
import { lookAtAddress } from './doctor-address.ts';
import { lookAtDatabase } from './doctor-database.ts';
import { lookAtSecrets } from './doctor-secrets.ts';
import { lookAtValkey } from './doctor-valkey.ts';
import { type Finding, doubtful, right, wrong } from './finding.ts';
import { print, printJson } from './terminal.ts';

export type DoctorOptions = { json?: boolean; dial?: boolean };

const marks = { right: 'ok', doubtful: 'warning', wrong: 'WRONG' };

/** Returns the exit status: 1 when something is wrong. */
export async function doctor({ json, dial }: DoctorOptions): Promise<number> {
  const findings: Finding[] = [];
  for await (const some of looks(dial === true)) {
    findings.push(...some);
    if (json !== true) for (const one of some) print(`${marks[one.is].padEnd(8)}${one.part}: ${one.message}`);
  }
  const ok = findings.every(({ is }) => is !== 'wrong');
  if (json === true) printJson({ ok, findings }, 2);
  return ok ? 0 : 1;
}

async function* looks(isDialling: boolean): AsyncGenerator<Finding[], void> {
  const checked = await findProblems({ secrets: true });
  const parts = [
    { part: 'settings', isOne: (file: string) => file === 'environment', fine: 'each can be used' },
    {
      part: 'files',
      isOne: (file: string) => file !== 'environment',
      fine: `${counted(checked.endpoints.length, 'endpoint')}, ${counted(checked.providers, 'provider')}, with their secrets`,
    },
  ];
  for (const { part, isOne, fine } of parts) {
    const errors = checked.errors.filter(({ file }) => isOne(file)).map((one) => wrong(part, problemLine(one)));
    const warnings = checked.warnings.filter(({ file }) => isOne(file)).map((one) => doubtful(part, problemLine(one)));
    yield [...errors, ...warnings, ...(errors.length === 0 ? [right(part, fine)] : [])];
  }
  const { environment, problems } = await findServerUrls();
  const read = readEnvironment(environment);
  if ('problems' in read || problems.length > 0) {
    const message = 'not looked at, since a setting cannot be used: mend that first';
    yield ['secrets', 'database', 'Valkey', 'address'].map((part) => doubtful(part, message));
    return;
  }
  const { settings } = read;
  const stateDirectory = join(process.cwd(), '.tidings');
  yield await lookAtSecrets(settings, stateDirectory);
  yield await lookAtDatabase(settings);
  yield await lookAtValkey(settings);
  yield await lookAtAddress(settings, stateDirectory);
  if (!isDialling) return;
  const { lookAtEndpoint } = await import('./doctor-endpoint.ts');
  for (const endpoint of checked.endpoints.filter(({ enabled }) => enabled)) {
    yield [await lookAtEndpoint(endpoint, settings)];
  }
}
