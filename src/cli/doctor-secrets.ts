// Looks at the service's own secrets, and makes none.

import { createSecrets } from '../settings/secrets.ts';
import { resolveServiceSecrets } from '../settings/service-secrets.ts';
import type { Settings } from '../settings/environment.ts';
import { type Finding, right, wrong } from './finding.ts';

/** With a database of its own a start makes these where they are missing. */
const makes = ['admin_token', 'session_secret'];

export async function lookAtSecrets(
  { databaseUrl, secretsDirectory: directory }: Pick<Settings, 'databaseUrl' | 'secretsDirectory'>,
  stateDirectory: string,
): Promise<Finding[]> {
  const given = createSecrets({ directory, warn() {} });
  const kept = createSecrets({ directory: stateDirectory, environment: {}, warn() {} });
  const made = new Set<string>();
  const secrets: typeof given = {
    async resolve(name) {
      const found = await given.resolve(name);
      if (databaseUrl !== null || 'value' in found || !found.missing || !makes.includes(name)) return found;
      const own = await kept.resolve(name);
      if ('value' in own || !own.missing) return own;
      made.add(name);
      return { value: name.padEnd(64, 'x') };
    },
  };
  const resolved = await resolveServiceSecrets({ secrets, localDirectory: null });
  if ('problems' in resolved) return resolved.problems.map((problem) => wrong('secrets', problem));
  return [
    right('secrets', made.size === 0 ? 'its own are there' : `a start makes ${[...made].join(' and ')} in .tidings`),
  ];
}
