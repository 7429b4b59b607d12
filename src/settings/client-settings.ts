// Settings of the commands that talk to a running server: its URL and the token.

import { join } from 'node:path';
import { parsePublicUrl } from './addresses.ts';
import { createSecrets } from './secrets.ts';
import { StartError } from './start-error.ts';

/** From the command line; what is absent comes from the environment, the token last from a local file. */
export type ClientOptions = { url?: string | undefined; token?: string | undefined };

export type ClientSettings = {
  /** Without a trailing slash. */
  url: string;
  token: string;
};

const defaultUrl = 'http://127.0.0.1:4000';
const tokenName = 'admin_token';

/** Throws a StartError that says what is wrong or missing; it never holds a token. */
export async function readClientSettings(
  options: ClientOptions,
  environment: Record<string, string | undefined> = process.env,
  directory = join(process.cwd(), '.tidings'),
): Promise<ClientSettings> {
  const [urlName, given] = first(['--url', options.url], ['TIDINGS_URL', environment['TIDINGS_URL']]);
  const url = parsePublicUrl(given ?? defaultUrl);
  if (url === null) throw new StartError(`${urlName} must be a URL such as ${defaultUrl} (its value is not shown).`);
  const [where, token] = first(
    ['--token', options.token],
    ['TIDINGS_TOKEN', environment['TIDINGS_TOKEN']],
    [join('.tidings', tokenName), await localToken(directory)],
  );
  if (token === undefined) {
    throw new StartError(
      'There is no token: give --token, set TIDINGS_TOKEN, or run this in the directory of a service that keeps .tidings/admin_token.',
    );
  }
  // Anything else cannot be sent in an HTTP header, and the error would show it.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new StartError(`${where} holds no token: it must be printable ASCII without blanks.`);
  return { url, token };
}

/** The first that is given, with its name; an empty variable counts as unset. */
function first(...values: [name: string, value: string | undefined][]): [name: string, value: string | undefined] {
  return values.find(([, value]) => value !== undefined && value !== '') ?? ['', undefined];
}

async function localToken(directory: string): Promise<string | undefined> {
  const found = await createSecrets({ directory, warn: () => {}, environment: {} }).resolve(tokenName);
  if ('value' in found) return found.value;
  if (found.missing) return undefined;
  throw new StartError(`.tidings/${tokenName}: ${found.problem}`);
}
