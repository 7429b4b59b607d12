import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOAuth } from '../../src/settings/oauth.ts';
import { doubtAboutSigningSecret } from '../../src/settings/secret-doubts.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { checkSigning } from '../../src/settings/webhooks-secrets.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

const good = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const own = 'a secret of our own, of more than 24 bytes';

/** The warnings about the secret of an endpoint and of a provider that have this value, from a file or a variable. */
async function warningsAbout(value: string, from: 'file' | 'environment') {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  await writeFile(
    join(scratch.path, 'config/webhooks.yaml'),
    'endpoints: [{id: crm, url: "https://crm.example.com", secret: crm, events: ["*"]}]',
  );
  await writeFile(
    join(scratch.path, 'config/oauth.yaml'),
    'providers: [{id: github, preset: github, client_id: c, client_secret: crm}]',
  );
  if (from === 'file') await writeFile(join(scratch.path, 'crm'), value);
  const secrets = createSecrets({
    directory: scratch.path,
    warn() {},
    environment: from === 'environment' ? { CRM: value } : {},
  });
  const webhooks = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets });
  const oauth = await readOAuth({ directory: scratch.path, secrets });
  const sentences = [webhooks, oauth].map(({ warnings }) => warnings.map(({ message }) => message));
  expect(JSON.stringify(sentences)).not.toContain('MfKQ9r8G');
  return { webhooks: sentences[0]!, oauth: sentences[1]! };
}

test.each([
  ['a byte order mark', `\uFEFF${good}`, /byte order mark/],
  ['"v1,"', `v1,${good}`, /begins with "v1,", as signatures do/],
  ['"v1a,"', `v1a,${good.replace('whsec_', 'whsk_')}`, /begins with "v1a,", .* begin with whsk_/],
  ['its name', `CRM_WEBHOOK_SECRET=${good}`, /does not begin with it/],
  ['a scheme', `Bearer ${good}`, /does not begin with it/],
  ['capital letters', good.replace('whsec', 'WHSEC'), /almost begins with whsec_/],
  ['a dash', good.replace('whsec_', 'whsec-'), /almost begins with whsec_/],
  ['whpk_', good.replace('whsec_', 'whpk_'), /public key/],
  [
    'a PEM header',
    `-----BEGIN PRIVATE KEY-----\nMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n-----END PRIVATE KEY-----`,
    /PEM file/,
  ],
  ['quotes', `"${good}"`, /in quotes/],
  ['a blank before it', ` ${good}`, /begins or ends with a blank/],
])(
  'a signing secret that begins with %s is warned of, from a file and from the environment',
  async (_, value, warning) => {
    for (const from of ['file', 'environment'] as const) {
      expect((await warningsAbout(value, from)).webhooks).toEqual([expect.stringMatching(warning)]);
    }
  },
);

test('what ends with a line break from the environment is warned of, and one line break of a file is not', async () => {
  expect(await warningsAbout(`${own}\n`, 'environment')).toEqual({
    webhooks: [expect.stringMatching(/line break/)],
    oauth: [],
  });
  expect(await warningsAbout(`${own}\n`, 'file')).toEqual({ webhooks: [], oauth: [] });
  expect((await warningsAbout(`${own}\n\n`, 'file')).webhooks).toEqual([expect.stringMatching(/line break/)]);
});

test('a signing secret that cannot be used is refused with what it most likely is, and without its value', () => {
  for (const value of [`${good}\n`, `${good} `, `${good}\r\n`]) {
    const { problem } = checkSigning(value, false);
    expect(problem).toMatch(
      /canonical base64 .* \(the secret begins or ends with a blank or a line break, .* remove it\)$/,
    );
    expect(problem).not.toContain('MfKQ9r8G');
  }
  expect(checkSigning('whsec_short', false).problem).toMatch(/64 bytes$/);
});

test.each([
  ['a byte order mark', `\uFEFF${own}`, /byte order mark/],
  ['blanks', `${own}  `, /begins or ends with a blank/],
  ['quotes', `'${own}'`, /in quotes/],
])("a provider's secret with %s is warned of", async (_, value, warning) => {
  expect((await warningsAbout(value, 'file')).oauth).toEqual([expect.stringMatching(warning)]);
});

test.each([good, own, 'v1-of-our-own-secret-scheme', 'it says "hello" to everybody'])(
  '%s is taken without a word',
  (value) => {
    expect(doubtAboutSigningSecret(value)).toBeNull();
  },
);
