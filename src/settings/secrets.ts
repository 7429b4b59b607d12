// Finds the value of a secret by its name: a Docker secret first, then the environment.

import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { readSmallFile } from './small-file.ts';

export const maxSecretBytes = 64 * 1024;

/** A name may not look like a secret, so that a secret pasted in place of its name is refused. */
export const secretNamePattern = /^(?!whsec_|whsk_)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

export type ResolvedSecret =
  | { value: string }
  /** `missing`: no source has it; otherwise a source has it but is wrong. The problem has neither name nor value in it. */
  | { problem: string; missing: boolean };

export type SecretWarning = { secret: string; variable: string; msg: string };

export type Secrets = {
  /** Reads again at each call, so that a reload sees changes. */
  resolve(name: string): Promise<ResolvedSecret>;
};

export type SecretsOptions = {
  /** Where Docker mounts secrets. */
  directory: string;
  /** Called once for each secret that comes from the environment. */
  warn(warning: SecretWarning): void;
  environment?: Record<string, string | undefined>;
};

/**
 * Takes the first source that exists: the file `directory/NAME`, the variable `NAME`, and `NAME` in upper case with
 * `-` and `.` as `_`. An empty source is an error, not a reason to look further.
 * Make one for the whole process: it remembers which warnings it gave.
 */
export function createSecrets({ directory, warn, environment = process.env }: SecretsOptions): Secrets {
  const warned = new Set<string>();

  return {
    async resolve(name) {
      const file = await readSmallFile(join(directory, name), maxSecretBytes);
      if ('problem' in file) return wrong(`its file in ${directory} ${file.problem}`);
      if ('bytes' in file) return fromFile(file.bytes, directory);

      const variable = [name, upperName(name)].find((candidate) => Object.hasOwn(environment, candidate));
      const value = variable === undefined ? undefined : environment[variable];
      if (variable === undefined || value === undefined) return { problem: notFound(directory), missing: true };
      if (value === '') return wrong('its environment variable is empty');
      if (!warned.has(name)) {
        warned.add(name);
        warn({ secret: name, variable, msg: migrationSteps(name, variable, directory) });
      }
      return { value };
    },
  };
}

function fromFile(bytes: Buffer, directory: string): ResolvedSecret {
  if (!isUtf8(bytes)) return wrong(`its file in ${directory} is not UTF-8`);
  // Editors and `echo` end a file with one line break, which is not part of the secret.
  const value = bytes.toString('utf8').replace(/\r?\n$/, '');
  return value === '' ? wrong(`its file in ${directory} is empty`) : { value };
}

function wrong(problem: string): ResolvedSecret {
  return { problem, missing: false };
}

/** The environment variable that is looked up last for a secret. */
export function upperName(name: string): string {
  return name.toUpperCase().replace(/[-.]/g, '_');
}

function notFound(directory: string): string {
  return (
    `not found: there is neither a file of this name in ${directory} nor an environment variable of this name ` +
    '(as it is, or in upper case with - and . as _)'
  );
}

function migrationSteps(name: string, variable: string, directory: string): string {
  return (
    `WARNING: the secret "${name}" comes from the environment variable ${variable}, where child processes, crash ` +
    `reports and "docker inspect" can see it. To migrate to Docker secrets: 1. write the value to a file, ${name}.txt, ` +
    `readable by you alone; 2. declare it in compose.yaml: "secrets: { ${name}: { file: ./${name}.txt } }" (with Swarm: ` +
    `"docker secret create ${name} ${name}.txt"); 3. list it at the service: "secrets: [${name}]", which mounts it at ` +
    `${join(directory, name)}; 4. remove ${variable} from the environment and start the service again.`
  );
}
