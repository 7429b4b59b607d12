// The demo's process: the whole system, an OpenID provider and a receiver in .tidings/demo, shown on the terminal until Ctrl-C.

import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { StartError } from '../settings/start-error.ts';
import { printable } from '../telemetry/printable.ts';
import { createApi } from './api.ts';
import {
  demoEndpoints,
  prepareDirectory,
  refuseSecondDemo,
  secretsOf,
  writeConfiguration,
  writeProvider,
} from './directory.ts';
import { openOpenIdProvider } from './openid-provider.ts';
import { people } from './people.ts';
import { openReceiver } from './receiver.ts';
import { createScreen } from './screen.ts';
import { startServiceProcess } from './service-process.ts';
import { callbackUrl, signInUrl } from './sign-in.ts';
import { keepAlive, tellStory } from './story.ts';

const demoDirectory = join('.tidings', 'demo');
const screen = createScreen();
const endingKnownWithinMs = 1_000;

/** The first signal asks for a clean end, the second ends the demo and its service at once. */
function catchStop(): AbortSignal {
  const stop = new AbortController();
  const end = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, end);
  // The reader has gone, as after `| head`.
  process.stdout.on('error', () => stop.abort());
  return stop.signal;
}

async function runDemo(directory: string, stop: AbortSignal): Promise<void> {
  await using parts = new AsyncDisposableStack();
  await refuseSecondDemo(directory);
  const secrets = await prepareDirectory(directory);
  const receiver = parts.use(await openReceiver({ directory, secrets, onArrival: screen.arrival }));
  await writeConfiguration(directory, receiver.url);
  const provider = parts.use(await openOpenIdProvider({ accounts: people }));
  await writeProvider(directory, provider);

  screen.say(`Tidings starts in ${demoDirectory}, with databases of its own …`);
  const service = parts.use(
    startServiceProcess(directory, {
      PORT: '0',
      LOG_FORMAT: 'json',
      SECRETS_DIR: secretsOf(directory),
      WEBHOOK_ALLOW_HTTP: 'true',
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    }),
  );
  const stopped = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => stopped.resolve());
  if (stop.aborted) stopped.resolve();
  const show = async (): Promise<void> => {
    const url = await service.ready;
    const tokenFile = join(directory, '.tidings', 'admin_token');
    const api = createApi(url, (await readFile(tokenFile, 'utf8')).trim());
    const stage = { url, api, receiver, screen, signal: stop };
    provider.allow(callbackUrl(url));
    introduce(url, { receiver: receiver.url, provider: provider.issuer });
    await tellStory(stage);
    if (stop.aborted) return;
    await showWhatToTry(url, relative('.', tokenFile));
    await keepAlive(stage);
  };
  const shown = show().catch(async (error: unknown) => {
    // When the service has ended, its own reason says more than this error; it is known a moment later.
    await Promise.race([service.ended, sleep(endingKnownWithinMs)]);
    throw error;
  });
  await Promise.race([stopped.promise, service.ended.then(({ reason }) => Promise.reject(reason)), shown]);

  screen.say('Stopping …');
  await parts.disposeAsync();
  screen.say(
    `Stopped. The data stays in ${demoDirectory}, and the next make demo goes on with it; npx tidings clean removes it.`,
  );
}

function introduce(url: string, { receiver, provider }: { receiver: string; provider: string }): void {
  screen.say(
    `It runs at ${url}, and people sign in through an OpenID provider at ${provider}.`,
    `It sends to a receiver at ${receiver} with three endpoints:`,
  );
  screen.list(
    ...demoEndpoints.map(({ id, events, description }): [string, string] => [
      id.padEnd(5),
      `${events.join(', ').padEnd(26)}  ${description}`,
    ]),
  );
  screen.say('The receiver verifies each request with the npm package standardwebhooks. A line is one request.');
}

async function showWhatToTry(url: string, tokenFile: string): Promise<void> {
  const { status } = (await (await request(`${url}/readyz`)).body.json()) as { status: string };
  screen.say('That was the story. It keeps running, with a change every 15 seconds; Ctrl-C stops it.', '');
  screen.list(
    ['Sign in', signInUrl(url)],
    ['', `open this to sign in yourself, as ${people.map(({ name }) => name).join(' or ')}`],
    ['Dashboard', `${url}/`],
    ['', `its Token is the admin token, which is in ${tokenFile}`],
    ['GraphiQL', `${url}/graphiql`],
    ['Health', `${url}/readyz (${status})`],
    ['Endpoints', join(demoDirectory, 'config', 'webhooks.yaml')],
    ['Log', join(demoDirectory, 'service.log')],
  );
  screen.say(
    'A change of your own, from another terminal in this directory:',
    '',
    `  curl -s ${url}/graphql -H "authorization: Bearer $(cat ${tokenFile})" \\`,
    `    -H 'content-type: application/json' \\`,
    `    -d '{"query":"mutation { createUser(input: {email: \\"you@example.com\\"}) { id } }"}'`,
  );
}

const stop = catchStop();
try {
  await runDemo(resolve(demoDirectory), stop);
  process.exit();
} catch (error) {
  const lines = error instanceof StartError ? error.lines : [`demo: ${(error as Error).message}`];
  process.stderr.write(`${lines.map(printable).join('\n')}\n`);
  process.exit(1);
}
