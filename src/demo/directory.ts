// The demo's directory: its endpoints, their secrets, and the configuration files.

import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { openPrivateDirectory } from '../settings/private-directory.ts';
import { StartError } from '../settings/start-error.ts';

export type DemoEndpoint = {
  id: string;
  events: string[];
  /** In the form of the file; absent: its default. */
  baseDelay?: string;
  /** For people. */
  description: string;
};

/** In the sign-in's address: `/oauth/demo`. */
export const demoProvider = 'demo';

/** The provider where people sign in, and the service's client there. */
export type DemoClient = { issuer: string; clientId: string; clientSecret: string };

export const demoEndpoints: readonly DemoEndpoint[] = [
  { id: 'crm', events: ['user.*'], description: 'wants to know everything about users' },
  { id: 'audit', events: ['*'], description: 'wants to know everything' },
  {
    id: 'flaky',
    events: ['user.created', 'user.updated'],
    baseDelay: '500ms',
    description: 'answers 503 twice before it accepts',
  },
];

/** Makes what is missing: the directory, for its owner alone, and a secret for each endpoint. Returns the secrets by id. */
export async function prepareDirectory(directory: string): Promise<Map<string, string>> {
  for (const path of [directory, join(directory, 'config'), secretsOf(directory)]) await openPrivateDirectory(path);
  const secrets = new Map<string, string>();
  for (const { id } of demoEndpoints) secrets.set(id, await readOrMakeSecret(join(secretsOf(directory), nameFor(id))));
  return secrets;
}

/** The directory of the secret files. */
export function secretsOf(directory: string): string {
  return join(directory, 'secrets');
}

/** Writes config/webhooks.yaml with every endpoint at its path of the receiver. */
export async function writeConfiguration(directory: string, receiverUrl: string): Promise<void> {
  const endpoints = demoEndpoints.map(({ id, events, baseDelay, description }) =>
    [
      `  - id: ${id}`,
      `    url: ${receiverUrl}/${id}`,
      `    secret: ${nameFor(id)}`,
      `    events: ${JSON.stringify(events)}`,
      `    description: ${description}`,
      ...(baseDelay === undefined ? [] : [`    base_delay: ${baseDelay}`]),
    ].join('\n'),
  );
  const head = '# Written by each start of the demo, because its receiver takes a free port.\nendpoints:\n';
  await writeFile(configurationOf(directory), `${head}${endpoints.join('\n')}\n`);
}

/** Writes config/oauth.yaml with the one provider, and the secret that it gave. */
export async function writeProvider(directory: string, { issuer, clientId, clientSecret }: DemoClient): Promise<void> {
  const secret = `${demoProvider}_client_secret`;
  const lines = [
    '# Written by each start of the demo, because its provider takes a free port.',
    'providers:',
    `  - id: ${demoProvider}`,
    `    issuer: ${issuer}`,
    `    client_id: ${clientId}`,
    `    client_secret: ${secret}`,
  ];
  await writeFile(join(secretsOf(directory), secret), clientSecret, { mode: 0o600 });
  await writeFile(join(directory, 'config', 'oauth.yaml'), `${lines.join('\n')}\n`);
}

/**
 * Throws a StartError when another demo runs in the directory. It asks the receiver that the configuration names, which
 * runs exactly as long as its demo.
 */
export async function refuseSecondDemo(directory: string): Promise<void> {
  const configuration = await readFile(configurationOf(directory), 'utf8').catch(() => '');
  const receiverUrl = /url: (http:\/\/127\.0\.0\.1:\d+)\//.exec(configuration)?.[1];
  if (receiverUrl === undefined) return;
  const answer = await request(receiverUrl, { signal: AbortSignal.timeout(2_000) })
    .then(({ body }) => body.json() as Promise<{ demo?: unknown } | null>)
    .catch(() => null);
  if (answer?.demo !== directory) return;
  throw new StartError(`A demo already runs in ${directory}: stop it with Ctrl-C where it runs, then start this one.`);
}

function configurationOf(directory: string): string {
  return join(directory, 'config', 'webhooks.yaml');
}

function nameFor(id: string): string {
  return `${id}_webhook_secret`;
}

async function readOrMakeSecret(path: string): Promise<string> {
  try {
    await writeFile(path, `whsec_${randomBytes(32).toString('base64')}`, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return await readFile(path, 'utf8');
}
