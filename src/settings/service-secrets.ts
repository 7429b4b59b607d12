// The service's own secrets: resolved like every secret, and two of them made for a service with its own database.

import { randomBytes, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openPrivateDirectory } from './private-directory.ts';
import { type ResolvedSecret, type Secrets, createSecrets, upperName } from './secrets.ts';
import { StartError } from './start-error.ts';

export type ServiceSecrets = {
  adminToken: string;
  sessionSecret: string;
  /** Null: nobody may read, or publish, without being an admin. */
  readToken: string | null;
  publishToken: string | null;
  /** Those that live in local files, so that the start can say where. */
  local: { name: string; path: string; created: boolean }[];
};

export type ServiceSecretsOptions = {
  secrets: Secrets;
  /** Where missing ones that must be are stored and, at the first start, made; null: a missing one is a problem. */
  localDirectory: string | null;
};

const minSessionSecretCharacters = 32;

/** Of every token that travels in a header: a shorter one could be found by guessing. */
const minTokenCharacters = 24;

/** Resolves `admin_token`, `session_secret`, `read_token` and `publish_token`; all problems at once, none with a value in it. */
export async function resolveServiceSecrets(
  options: ServiceSecretsOptions,
): Promise<ServiceSecrets | { problems: string[] }> {
  const problems: string[] = [];
  const local: ServiceSecrets['local'] = [];

  const find = async (name: string, wrong: (value: string) => string | null): Promise<string> => {
    let found = await options.secrets.resolve(name);
    if ('problem' in found && found.missing && options.localDirectory !== null) {
      const kept = await keptIn(options.localDirectory, name);
      if ('created' in kept) local.push({ name, path: kept.path, created: kept.created });
      found = kept;
    }
    const problem = 'problem' in found ? found.problem : wrong(found.value);
    if (problem === null) return 'value' in found ? found.value : '';
    const advice = 'problem' in found && found.missing ? `; give it as a Docker secret or as ${upperName(name)}` : '';
    problems.push(`${name}: ${problem}${advice}`);
    return '';
  };

  const findOptional = async (name: string): Promise<string | null> => {
    const found = await options.secrets.resolve(name);
    if ('problem' in found && found.missing) return null;
    const problem = 'problem' in found ? found.problem : tokenProblem(found.value);
    if (problem !== null) problems.push(`${name}: ${problem}`);
    return problem === null && 'value' in found ? found.value : null;
  };

  const adminToken = await find('admin_token', tokenProblem);
  const sessionSecret = await find('session_secret', (value) =>
    value.length >= minSessionSecretCharacters ? null : `must be at least ${minSessionSecretCharacters} characters`,
  );
  const readToken = await findOptional('read_token');
  const publishToken = await findOptional('publish_token');
  problems.push(...equalTokens({ admin_token: adminToken, read_token: readToken, publish_token: publishToken }));
  return problems.length > 0 ? { problems } : { adminToken, sessionSecret, readToken, publishToken, local };
}

/** What a token may do must be known by its value. A token that is missing or bad is equal to none. */
function equalTokens(tokens: Record<string, string | null>): string[] {
  const given = Object.entries(tokens).filter(([, value]) => value);
  const byValue = Map.groupBy(given, ([, value]) => value);
  return [...byValue.values()]
    .filter((equal) => equal.length > 1)
    .map((equal) => {
      const [first, ...others] = equal.map(([name]) => name);
      return `${first}: is the same as ${others.join(' and ')}; give each a value of its own`;
    });
}

function tokenProblem(value: string): string | null {
  if (!/^[\x21-\x7e]+$/.test(value)) {
    return 'must be printable ASCII without blanks, as it travels in an HTTP header';
  }
  if (value.length >= minTokenCharacters) return null;
  const advice = 'make one with: openssl rand -hex 32';
  return `must be at least ${minTokenCharacters} characters, so that nobody can guess it; ${advice}`;
}

type KeptSecret = ResolvedSecret & { path: string; created: boolean };

/** Reads `directory/name`, which must be ours alone, or makes it: 32 random bytes, mode 0600, whole or not at all. */
async function keptIn(directory: string, name: string): Promise<KeptSecret | { problem: string; missing: false }> {
  const path = join(directory, name);
  const files = createSecrets({ directory, warn: () => {}, environment: {} });
  try {
    await openPrivateDirectory(directory);
    const created = !(await closeToOthers(path)) && (await create(path, randomBytes(32).toString('base64url')));
    return { ...(await files.resolve(name)), path, created };
  } catch (error) {
    if (error instanceof StartError) return { problem: error.message, missing: false };
    return { problem: `cannot be made at ${path} (${(error as NodeJS.ErrnoException).code})`, missing: false };
  }
}

/** False: there is no such file. Throws a StartError for one that another user could have written, and for a link. */
async function closeToOthers(path: string): Promise<boolean> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { uid, mode } = await file.stat();
    if (uid !== (process.getuid?.() ?? uid)) throw new StartError(`${path} belongs to another user: remove it`);
    if ((mode & 0o077) !== 0) await file.chmod(0o600);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    throw code === 'ELOOP' ? new StartError(`${path} is a link: put the file itself there`) : error;
  }
}

/** A link never replaces a file: of two processes that start at once one wins, and both read what it wrote. */
async function create(path: string, value: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(value);
    await file.sync();
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}
