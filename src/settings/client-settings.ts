// Settings of the commands that talk to a running server: its URL and the token.

import { join, relative } from 'node:path';
import { parseHost, parsePublicUrl } from './addresses.ts';
import { listenersAt } from './listeners.ts';
import { type FoundService, dialledUrl, findRunningServices } from './running-services.ts';
import { createSecrets, maxSecretBytes } from './secrets.ts';
import { readSmallFile } from './small-file.ts';
import { StartError } from './start-error.ts';

/** From the command line; what is absent comes from the environment, then from the service that runs in this directory. */
export type ClientOptions = { url?: string | undefined; token?: string | undefined };

export type ClientSettings = {
  /** Without a trailing slash. */
  url: string;
  token: string;
  /** Who is asked with whose token, for stderr; null when the caller named both. Never holds a token. */
  remark: string | null;
};

type Environment = Record<string, string | undefined>;
type Found = { from: string; value: string; isNamed: boolean };
/** A service of this directory; `running` is null where it left no note. */
type Local = { url: string; running: FoundService | null };
type Surroundings = { environment: Environment; stateDirectory: string; workDirectory: string };

const defaultHost = '127.0.0.1';
const defaultPort = 4000;
const tokenName = 'admin_token';

/**
 * Throws a StartError that says what is wrong or missing; it never holds a token. A token that the caller did not name goes
 * to a service of this directory alone, whatever URL is named.
 */
export async function readClientSettings(
  options: ClientOptions,
  environment: Environment = process.env,
  workDirectory = process.cwd(),
): Promise<ClientSettings> {
  const stateDirectory = join(workDirectory, '.tidings');
  const running = await findRunningServices(stateDirectory);
  const where =
    named('--url', options.url) ?? named('TIDINGS_URL', environment['TIDINGS_URL']) ?? local(running, environment);
  const url = parsePublicUrl(where.value);
  if (url === null) throw new StartError(`${where.from} must be a URL such as ${ownUrl({})} (its value is not shown).`);
  const token =
    named('--token', options.token) ??
    named('TIDINGS_TOKEN', environment['TIDINGS_TOKEN']) ??
    (await findToken(localAt(url, running, environment), { environment, stateDirectory, workDirectory }));
  // Anything else cannot be sent in an HTTP header, and the error would show it.
  if (!/^[\x21-\x7e]+$/.test(token.value)) {
    throw new StartError(`${token.from} holds no token: it must be printable ASCII without blanks.`);
  }
  const isSaid = !where.isNamed || !token.isNamed;
  return {
    url,
    token: token.value,
    remark: isSaid ? `Asking ${url} (${where.from}) with the token of ${token.from}.` : null,
  };
}

/** An empty variable counts as unset. */
function named(from: string, value: string | undefined): Found | null {
  return value === undefined || value === '' ? null : { from, value, isNamed: true };
}

/** The service that runs here; without one, or where it could leave no note, what HOST and PORT of this environment say. */
function local([newest, ...others]: readonly FoundService[], environment: Environment): Found {
  if (newest === undefined)
    return { from: 'no service is known to run here', value: ownUrl(environment), isNamed: false };
  const from = others.length === 0 ? 'it runs here' : `the newest of ${others.length + 1} that run here`;
  return { from, value: newest.url, isNamed: false };
}

/** Throws a StartError for the URL of any other service. */
function localAt(url: string, running: readonly FoundService[], environment: Environment): Local {
  const found = running.find((one) => parsePublicUrl(one.url) === url);
  if (found !== undefined) return { url, running: found };
  if (running.length === 0 && url === parsePublicUrl(ownUrl(environment))) return { url, running: null };
  throw new StartError(
    `There is no token for ${url}: give --token, or set TIDINGS_TOKEN. The token of this directory goes to its own service alone${running.length === 0 ? '' : `, at ${running.map((one) => one.url).join(' and ')}`}.`,
  );
}

/** As a service with this environment listens. */
export function ownUrl({ HOST: host, PORT: port }: Environment = process.env): string {
  const name = parseHost(host ?? '') ?? defaultHost;
  const number = /^[1-9]\d{0,4}$/.test(port ?? '') && Number(port) <= 65_535 ? port : defaultPort;
  return dialledUrl(`http://${name.includes(':') ? `[${name.replace(/%.*/, '')}]` : name}:${number}`);
}

/** Where the service that runs here has its token; without one, where a start with this environment would look for it. */
async function findToken(service: Local, { environment, stateDirectory, workDirectory }: Surroundings): Promise<Found> {
  const { url, running } = service;
  const secretsDirectory = named('SECRETS_DIR', environment['SECRETS_DIR'])?.value ?? '/run/secrets';
  if (running !== null && !isOurs(running.owner)) return await readTokenOf(running);
  const directories = running ? [running.tokenDirectory] : [secretsDirectory, stateDirectory];
  for (const directory of directories) {
    let variable: string | undefined;
    const secrets = createSecrets({ directory, environment, warn: (warning) => (variable = warning.variable) });
    const found = await secrets.resolve(tokenName);
    const inside = relative(workDirectory, join(directory, tokenName));
    const file = inside.startsWith('..') ? join(directory, tokenName) : inside;
    if ('value' in found) {
      if (running === null) await refuseStrangersAt(url);
      return { from: variable ?? file, value: found.value, isNamed: false };
    }
    if (!found.missing) throw new StartError(`${tokenName}: ${found.problem}`);
  }
  throw new StartError(
    running
      ? `There is no token: ${url}, which runs here, has its ${tokenName} from its environment. Give --token, or set TIDINGS_TOKEN.`
      : 'There is no token: give --token, set TIDINGS_TOKEN, or run this in the directory of a service.',
  );
}

/** Without a note anybody may listen where the service would. */
async function refuseStrangersAt(url: string): Promise<void> {
  const users = await listenersAt(Number(new URL(url).port || 80));
  if (users !== null && users.size > 0 && [...users].every(isOurs)) return;
  const who = users?.size === 0 ? `nothing listens at ${url}` : `what listens at ${url} may be another user's`;
  throw new StartError(
    `No service is known to run here, and ${who}: give --url and --token, or run this in the directory of a service.`,
  );
}

/** Another user's note may name any place and any token, so only a token in a file of that user's own goes there. */
async function readTokenOf({ url, owner, tokenDirectory }: FoundService): Promise<Found> {
  const from = join(tokenDirectory, tokenName);
  const file = await readSmallFile(from, maxSecretBytes, { owner });
  if ('bytes' in file) return { from, value: file.bytes.toString().replace(/\r?\n$/, ''), isNamed: false };
  throw new StartError(`${url}, which runs here, is another user's: give --token, or set TIDINGS_TOKEN.`);
}

function isOurs(user: number): boolean {
  return user === 0 || user === process.getuid?.();
}
