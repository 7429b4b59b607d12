// Settings of the commands that talk to a running server: its URL and the token.

import { join, relative } from 'node:path';
import { parseHost, parsePublicUrl } from './addresses.ts';
import { type RunningService, dialledUrl, findRunningServices } from './running-services.ts';
import { createSecrets } from './secrets.ts';
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

const defaultHost = '127.0.0.1';
const defaultPort = 4000;
const tokenName = 'admin_token';

/** Throws a StartError that says what is wrong or missing; it never holds a token. */
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
    (await findToken({ running, environment, stateDirectory, workDirectory }));
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
function local([newest, ...others]: readonly RunningService[], environment: Environment): Found {
  if (newest === undefined)
    return { from: 'no service is known to run here', value: ownUrl(environment), isNamed: false };
  const from = others.length === 0 ? 'it runs here' : `the newest of ${others.length + 1} that run here`;
  return { from, value: newest.url, isNamed: false };
}

/** As a service with this environment listens. */
function ownUrl({ HOST: host, PORT: port }: Environment): string {
  const name = parseHost(host ?? '') ?? defaultHost;
  const number = /^[1-9]\d{0,4}$/.test(port ?? '') ? port : defaultPort;
  return dialledUrl(`http://${name.includes(':') ? `[${name.replace(/%.*/, '')}]` : name}:${number}`);
}

/** Where the service that runs here has its token; without one, where a start with this environment would look for it. */
async function findToken({
  running: [newest],
  environment,
  stateDirectory,
  workDirectory,
}: {
  running: readonly RunningService[];
  environment: Environment;
  stateDirectory: string;
  workDirectory: string;
}): Promise<Found> {
  const secretsDirectory = named('SECRETS_DIR', environment['SECRETS_DIR'])?.value ?? '/run/secrets';
  const directories = newest ? [newest.tokenDirectory] : [secretsDirectory, stateDirectory];
  for (const directory of directories) {
    let variable: string | undefined;
    const secrets = createSecrets({ directory, environment, warn: (warning) => (variable = warning.variable) });
    const found = await secrets.resolve(tokenName);
    const inside = relative(workDirectory, join(directory, tokenName));
    const file = inside.startsWith('..') ? join(directory, tokenName) : inside;
    if ('value' in found) return { from: variable ?? file, value: found.value, isNamed: false };
    if (!found.missing) throw new StartError(`${tokenName}: ${found.problem}`);
  }
  throw new StartError(
    newest
      ? `There is no token: ${newest.url}, which runs here, has its ${tokenName} from its environment. Give --token, or set TIDINGS_TOKEN.`
      : 'There is no token: give --token, set TIDINGS_TOKEN, or run this in the directory of a service.',
  );
}
