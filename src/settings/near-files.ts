// Finds files that somebody meant to be a configuration file, and that nobody reads.

import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { nearest } from '../policy/nearest.ts';

/** As many directory entries are looked at. */
const mostEntries = 10_000;

/** Paths from `directory` of files whose name is almost that of `file`, in its folder or in `directory` itself. */
export async function nearFiles(directory: string, file: string): Promise<string[]> {
  const folder = dirname(file);
  const found = await Promise.all(
    [folder, '.'].map(async (place) => {
      const names = await readdir(join(directory, place)).catch(() => []);
      return names
        .slice(0, mostEntries)
        .filter((name) => isNear(name, basename(file)))
        .map((name) => join(place, name));
    }),
  );
  return found.flat().filter((path) => path !== file);
}

/** A copy that an editor keeps is not meant. */
function isNear(name: string, wanted: string): boolean {
  const lower = name.toLowerCase();
  const stem = basename(wanted, extname(wanted));
  if (lower === `${wanted}.txt` || lower === stem || lower === `${stem}.json`) return true;
  return /\.ya?ml$/.test(lower) && nearest(lower.replace(/\.yml$/, '.yaml'), [wanted], 2) !== null;
}
