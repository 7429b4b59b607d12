// Every sample of README and docs is run, here or in a file beside this one.

import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { operationalData } from '../../src/outbox/operational-events.ts';
import type { PauseReason } from '../../src/model/webhook-cursor.ts';
import { operationalTypes } from '../../src/policy/operational.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { readOAuthText } from '../settings/oauth-text.ts';
import { readWebhooksText } from '../settings/webhooks-text.ts';
import { readSamples, root, sampleNamed } from './markdown.ts';
import { type Needed, has, testWith } from './other-language.ts';
import { prefixedSecret } from './signed-requests.ts';

/** Where each is run. A sample that is in no list is not run, so it may not be in the docs. */
const runHere = [
  ...['README.md yaml 1', 'README.md js 1', 'docs/operations.md yaml 1', 'docs/settings.md yaml 1'],
  ...['docs/receiving.md json 1', 'docs/receiving.md json 2', 'docs/receiving.md js 1', 'docs/receiving.md js 2'],
  ...['docs/receiving.md js 3', 'docs/receiving.md python 1', 'docs/receiving.md go 1'],
  ...['docs/operations.md yaml 2'],
];
const runWithServers = [
  ...['README.md sh 1', 'docs/commands.md sh 1', 'docs/commands.md sh 2'],
  ...['docs/operations.md sh 1', 'docs/benchmarks.md sh 1'],
  ...[1, 2, 3, 4, 5].map((number) => `docs/deploying.md sh ${number}`),
  ...['sh 1', 'sh 2', 'sh 3', 'yaml 1'].map((sample) => `docs/rotating.md ${sample}`),
  ...['sh 1', 'sh 2', 'yaml 1', 'js 1', 'js 2'].map((sample) => `docs/from-a-job-queue.md ${sample}`),
  ...['docs/operations.md sql 1', 'docs/publishing.md sql 1', 'docs/publishing.md sql 2', 'docs/publishing.md js 1'],
  ...['docs/publishing.md graphql 1', 'docs/publishing.md python 1'],
];
const runAtLength = ['docs/publishing.md go 1', ...[1, 2, 3, 4].map((number) => `docs/scaling-out.md sh ${number}`)];
/** What a sample needs beside Node.js and a shell. */
const needs: Record<string, Needed> = {
  'docs/receiving.md python 1': 'python',
  'docs/receiving.md go 1': 'go',
  'docs/publishing.md python 1': 'python with psycopg',
  'docs/publishing.md go 1': 'go with pgx',
  'docs/commands.md sh 1': 'curl',
  'docs/commands.md sh 2': 'curl',
  'docs/deploying.md sh 1': 'openssl',
  'docs/deploying.md sh 4': 'openssl',
  'docs/rotating.md sh 1': 'openssl',
};

test('every sample is run by a test', () => {
  const run = [...runHere, ...runWithServers, ...runAtLength];
  expect(
    readSamples()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(run.toSorted());
  const languages = ['node', ...(['python', 'go'] as const).filter(has)];
  const missing = Object.entries(needs).filter(([, needed]) => !has(needed));
  console.log(`samples run: ${languages.join(', ')}`);
  for (const [name, needed] of missing) console.log(`sample not run: ${name}, for there is no ${needed}`);
});

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

testWith('openssl', 'the secret that README makes is one that Tidings takes', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, command] = /`(echo "whsec_[^`]*)`/.exec(readme) ?? [];
  const secret = execFileSync('sh', ['-c', command!], { encoding: 'utf8' }).trim();
  const read = await readWebhooksText(sampleNamed('README.md yaml 1'), { CRM_WEBHOOK_SECRET: secret });
  expect(read).toMatchObject({ ok: true, warnings: [] });
});
