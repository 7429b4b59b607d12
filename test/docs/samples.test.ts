// Every sample of README and docs is run, here or in a file beside this one.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePort, isFree } from '../support/free-port.ts';
import { operationalData } from '../../src/outbox/operational-events.ts';
import type { PauseReason } from '../../src/model/webhook-cursor.ts';
import { operationalTypes } from '../../src/policy/operational.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import type { Received } from '../support/receiver/replying-server.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';
import { readOAuthText } from '../settings/oauth-text.ts';
import { readWebhooksText } from '../settings/webhooks-text.ts';
import { answerOf, isInstalled } from './other-language.ts';
import { readSamples, root, sampleNamed } from './markdown.ts';
import {
  type Case,
  expectVerifying,
  plainSecret,
  prefixedSecret,
  samplePayload,
  wideSecret,
} from './signed-requests.ts';

/** Where each is run. A sample that is in no list is not run, so it may not be in the docs. */
const runHere = [
  ...['README.md yaml 1', 'README.md js 1', 'docs/operations.md yaml 1', 'docs/settings.md yaml 1'],
  ...['docs/receiving.md json 1', 'docs/receiving.md json 2', 'docs/receiving.md js 1', 'docs/receiving.md js 2'],
  ...['docs/receiving.md js 3', 'docs/receiving.md python 1', 'docs/operations.md yaml 2'],
];
const runWithServers = [
  ...['README.md sh 1', 'docs/commands.md sh 1', 'docs/commands.md sh 2'],
  ...['docs/operations.md sh 1', 'docs/operations.md sh 2', 'docs/benchmarks.md sh 1'],
  ...['docs/operations.md sql 1', 'docs/publishing.md sql 1', 'docs/publishing.md sql 2', 'docs/publishing.md js 1'],
  ...['docs/publishing.md graphql 1', 'docs/publishing.md python 1'],
];
const runAtLength = ['docs/receiving.md go 1', 'docs/publishing.md go 1'];

test('every sample is run by a test', () => {
  const run = [...runHere, ...runWithServers, ...runAtLength];
  expect(
    readSamples()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(run.toSorted());
  const ran = runHere.filter((name) => !name.includes(' python ') || isInstalled('python3'));
  console.log(
    `samples run here: ${ran.join(', ')}\nwith servers: ${runWithServers.join(', ')}\nby test-long: ${runAtLength.join(', ')}`,
  );
});

let scratch: ScratchDirectory;
beforeAll(async () => {
  scratch = await scratchDirectory();
  await symlink(join(root, 'node_modules'), join(scratch.path, 'node_modules'));
});
afterAll(async () => await scratch[Symbol.asyncDispose]());

let modules = 0;

/** The text as a module of its own, which finds the packages of this repository. */
async function written(text: string): Promise<string> {
  const path = join(scratch.path, `sample-${(modules += 1)}.mjs`);
  await writeFile(path, text);
  return path;
}

/** The secret is where the samples look for it. */
async function withSecret<T>(secret: string, act: () => Promise<T>): Promise<T> {
  process.env['CRM_WEBHOOK_SECRET'] = secret;
  try {
    return await act();
  } finally {
    delete process.env['CRM_WEBHOOK_SECRET'];
  }
}

type Check = (body: string, request: { headers: Received['headers'] }) => { event_type: string };

/** Lines that verify `body` and `request`, as a function. */
async function checkOf(lines: string): Promise<Check> {
  const imports = "import { Webhook } from 'standardwebhooks';";
  const body = lines.replace(imports, '');
  const module = `${imports}\nexport function check(body, request) {${body}\nreturn event;\n}`;
  return ((await import(pathToFileURL(await written(module)).href)) as { check: Check }).check;
}

/** The package is made with the secret of each case. */
const trustsWith =
  (lines: string) =>
  async (cases: readonly Case[]): Promise<boolean[]> =>
    await withSecret(cases[0]!.secret, async () => {
      const check = await checkOf(lines);
      return cases.map(({ body, headers }) => {
        try {
          return check(body, { headers }).event_type === 'user.updated';
        } catch {
          return false;
        }
      });
    });

test('README’s lines trust what Tidings signed, and nothing else', async () => {
  await expectVerifying([prefixedSecret], trustsWith(sampleNamed('README.md js 1')));
});

test('with raw bytes the package takes a secret without a prefix', async () => {
  const [, verifying = ''] = sampleNamed('README.md js 1').split(/^const webhook = .*$/m);
  await expectVerifying([plainSecret, wideSecret], trustsWith(sampleNamed('docs/receiving.md js 2') + verifying));
});

test('the receiver of docs/receiving.md answers 204 to what Tidings sends, and 401 to what somebody else sends', async () => {
  const port = await findFreePort();
  const program = await written(sampleNamed('docs/receiving.md js 1').replace('8080', String(port)));
  const receiver = spawn(process.execPath, [program], {
    env: { ...process.env, CRM_WEBHOOK_SECRET: prefixedSecret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(receiver, 'close');
  try {
    let told = '';
    receiver.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    await eventually(async () => !(await isFree(port)), { saying: 'the sample’s receiver' });
    await using connections = openConnections();
    const send = async (secret: string) =>
      (await deliver(connections, attemptAt(`http://127.0.0.1:${port}/`, { secrets: [secret] }, samplePayload)))
        .httpStatus;
    expect([await send(prefixedSecret), await send(plainSecret)]).toEqual([204, 401]);
    await eventually(() => told === 'user.updated u-1\n', { saying: 'what the receiver tells' });
  } finally {
    receiver.kill('SIGKILL');
    await ended;
  }
});

test('the sample for `timestamped` trusts what Tidings signed with any secret, and nothing else', async () => {
  type Verify = (body: Buffer, headers: Received['headers'], secret: string) => void;
  const path = await written(sampleNamed('docs/receiving.md js 3'));
  const { verify } = (await import(pathToFileURL(path).href)) as { verify: Verify };
  await expectVerifying([prefixedSecret, plainSecret, wideSecret], (cases) =>
    cases.map(({ body, headers, secret }) => {
      try {
        verify(Buffer.from(body), headers, secret);
        return true;
      } catch {
        return false;
      }
    }),
  );
});

test.runIf(isInstalled('python3'))(
  'the sample in Python trusts what Tidings signed with any secret, and nothing else',
  async () => {
    const path = join(scratch.path, 'receiving.py');
    const calling = `
import json, sys

def trusts(case):
    try:
        verify(case["body"].encode(), case["headers"], case["secret"])
        return True
    except Exception:
        return False

print(json.dumps([trusts(case) for case in json.load(sys.stdin)]))
`;
    await writeFile(path, sampleNamed('docs/receiving.md python 1') + calling);
    await expectVerifying(
      [prefixedSecret, plainSecret, wideSecret],
      (cases) => answerOf('python3', [path], cases) as boolean[],
    );
  },
);

test('the YAML samples are valid, and name the secrets that the text says', async () => {
  const webhooks = await readWebhooksText(sampleNamed('README.md yaml 1'), { CRM_WEBHOOK_SECRET: prefixedSecret });
  expect(webhooks).toMatchObject({ ok: true, warnings: [], endpoints: [{ id: 'crm', secrets: [prefixedSecret] }] });
  const oauth = await readOAuthText(sampleNamed('docs/operations.md yaml 1'), {
    GOOGLE_CLIENT_SECRET: 'g'.repeat(24),
    GITHUB_CLIENT_SECRET: 'h'.repeat(24),
  });
  expect(oauth).toMatchObject({ ok: true, providers: [{ id: 'google' }, { id: 'github' }] });
  const { cert, key } = issueCertificate({ subject: 'crm', untilDays: 30 });
  const keys = sampleNamed('docs/settings.md yaml 1').replaceAll(/^/gm, '    ');
  const endpoint = await readWebhooksText(`${sampleNamed('README.md yaml 1').trimEnd()}\n${keys}`, {
    ...{ CRM_WEBHOOK_SECRET: prefixedSecret, CRM_TOKEN: 'a-token' },
    ...{ CRM_CA: cert, CRM_CLIENT_CERT: cert, CRM_CLIENT_KEY: key },
  });
  expect(endpoint).toMatchObject({
    ...{ ok: true, warnings: [] },
    endpoints: [{ secretHeaders: { Authorization: 'Bearer a-token' }, pem: { ca: cert, cert, key } }],
  });
});

test('the body that docs/receiving.md shows is one that Tidings makes', () => {
  const body = JSON.stringify(JSON.parse(sampleNamed('docs/receiving.md json 1')));
  expect(fromPayload(body)).toMatchObject({ type: 'user.updated', data: { changed: ['display_name'] } });
});

test('the bodies of operational events that docs/receiving.md shows are all of them, as Tidings makes them', () => {
  const bodies = sampleNamed('docs/receiving.md json 2').trim().split('\n');
  const events = bodies.map((body) => fromPayload(body));
  expect(events.map(({ type }) => type).toSorted()).toEqual([...operationalTypes]);
  for (const [index, { type, data }] of events.entries()) {
    const { endpoint_id: endpointId, reason, event_id: eventId, error_message: errorMessage } = data as Told;
    const fact = { endpointId, reason: reason?.toLowerCase() as PauseReason, eventId, errorMessage };
    expect(JSON.stringify({ ...JSON.parse(bodies[index]!), data: operationalData(fact) }), type).toBe(bodies[index]);
  }
});

type Told = { endpoint_id: string; reason?: string; event_id?: string; error_message?: string };

test.runIf(isInstalled('openssl', ['version']))('the secret that README makes is one that Tidings takes', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, command] = /`(echo "whsec_[^`]*)`/.exec(readme) ?? [];
  const secret = execFileSync('sh', ['-c', command!], { encoding: 'utf8' }).trim();
  const read = await readWebhooksText(sampleNamed('README.md yaml 1'), { CRM_WEBHOOK_SECRET: secret });
  expect(read).toMatchObject({ ok: true, warnings: [] });
});
