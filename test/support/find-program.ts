// Where a program of the system's packages is.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The path of the first of these names that is there, in one of these folders or on PATH. Throws an Error with a sentence
 * that names what installs it: a target of make, and a package of Debian.
 */
export function findProgram(
  names: readonly string[],
  { folders = [], make, debian }: { folders?: readonly string[]; make: string; debian: string },
): string {
  const searched = [...folders, ...(process.env['PATH'] ?? '').split(delimiter)].filter((folder) => folder !== '');
  const found = names.flatMap((name) => searched.map((folder) => join(folder, name))).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(`There is no ${names.join(', ')}: run make ${make}, or on Debian as root apt install ${debian}.`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
