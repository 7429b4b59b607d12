import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readOAuth } from '../../src/settings/oauth.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

/** The files that are warned of when these are there. */
async function warnedOf(files: string[]) {
  await using scratch = await scratchDirectory();
  for (const file of files) {
    await mkdir(join(scratch.path, dirname(file)), { recursive: true });
    await writeFile(join(scratch.path, file), file.includes('oauth') ? 'providers: []' : 'endpoints: []');
  }
  const webhooks = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets: null });
  const oauth = await readOAuth({ directory: scratch.path, secrets: null });
  return [webhooks, oauth].flatMap(({ warnings }) => warnings.map(({ file, message }) => `${file}: ${message}`));
}

const none = /the file does not exist/;

test.each([
  'config/webhooks.yml',
  'config/webhook.yaml',
  'config/Webhooks.yaml',
  'config/webhooks.json',
  'config/webhooks.yaml.txt',
  'webhooks.yaml',
])('%s is named where config/webhooks.yaml is missing, and beside it', async (file) => {
  const said = `${file}: nobody reads this file; did you mean config/webhooks.yaml?`;
  const both = 'config/oauth.yaml';
  expect(await warnedOf([file, both])).toEqual([expect.stringMatching(none), said]);
  if (file !== 'config/Webhooks.yaml') expect(await warnedOf([file, 'config/webhooks.yaml', both])).toEqual([said]);
});

test.each(['config/oauth.yml', 'config/auth.yaml', 'oauth.yaml'])('%s is named for config/oauth.yaml', async (file) => {
  expect(await warnedOf([file, 'config/webhooks.yaml'])).toEqual([
    expect.stringMatching(none),
    `${file}: nobody reads this file; did you mean config/oauth.yaml?`,
  ]);
});

test('examples, copies of editors, and files of others are no mistake', async () => {
  const files = ['config/webhooks.yaml', 'config/oauth.yaml', 'config/webhooks.yaml.example', 'config/webhooks.yaml~'];
  expect(await warnedOf([...files, 'config/.webhooks.yaml.swp', 'compose.yaml', 'config/app.yaml'])).toEqual([]);
});
