// `tidings clean`: removes the Postgres and the Valkey that the service ran for itself here, and what directories that are gone left.

import { join } from 'node:path';
import { tryLock } from '../embedded/lock.ts';
import { rootInstallations } from '../embedded/postgres-installation.ts';
import { type Remains, findAbandonedRemains, findOwnRemains } from '../embedded/remains.ts';
import { StartError } from '../settings/start-error.ts';
import { confirm } from './confirm.ts';
import { print, printJson, say } from './terminal.ts';

export type CleanOptions = { json?: boolean; yes?: boolean };

/** `refuse` is told of a wrong use. */
export type CleanSurroundings = { refuse: (usage: string) => never; installations?: string };

/** A service started here, and `make demo`, keep their state here. */
const stateDirectories = ['.tidings', join('.tidings', 'demo', '.tidings')];

/**
 * Says what it will remove, asks, and prints what it removed; returns the exit status: 1 when the answer was no. Throws a
 * StartError while a service runs on what it would remove.
 */
export async function clean(
  { json, yes }: CleanOptions,
  { refuse, installations = rootInstallations }: CleanSurroundings,
): Promise<number> {
  using locks = new DisposableStack();
  const found: Remains[] = [];
  for (const directory of stateDirectories.map((one) => join(process.cwd(), one))) {
    const remains = await findOwnRemains(directory, installations);
    if (remains.length === 0) continue;
    const lock = locks.use(tryLock(directory));
    if (lock === null) throw new StartError(`A Tidings service runs in ${directory}: stop it first.`);
    found.push(...remains);
  }
  found.push(...(await findAbandonedRemains(installations)));
  if (found.length === 0) {
    say('There is nothing to remove.');
    if (json === true) printJson([]);
    return 0;
  }

  say('This will be removed, with all data in it:');
  for (const { path, what, bytes } of found) say(`  ${path}  ${inMebibytes(bytes)}  ${what}`);
  if (!(await confirm('Remove it?', { yes, refuse }))) {
    say('Nothing was removed.');
    return 1;
  }
  for (const { path, remove } of found) {
    await remove();
    if (json !== true) print(`removed: ${path}`);
  }
  if (json === true) printJson(found.map(({ path }) => path));
  return 0;
}

function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
