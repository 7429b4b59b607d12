import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { givesUpAfterMs } from '../../src/policy/retry.ts';
import { durationText } from '../../src/settings/duration.ts';
import { webhooksJsonSchema } from '../../src/settings/webhooks-schema.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { readWebhooksText } from './webhooks-text.ts';

const root = new URL('../../', import.meta.url);

async function exampleText(): Promise<string> {
  return await readFile(new URL('config/webhooks.yaml.example', root), 'utf8');
}

test('the example is valid as it is, with every endpoint disabled and no secret needed', async () => {
  const read = await readWebhooksText(await exampleText(), {});
  expect(read).toMatchObject({ ok: true, warnings: [] });
  expect(read.ok && read.endpoints.map(({ enabled }) => enabled)).toEqual([false, false]);
});

/** The example with `enabled: true`, and with the keys that it only shows in comments where `all`. */
async function enabledText({ all = false } = {}): Promise<string> {
  const text = (await exampleText()).replaceAll('enabled: false', 'enabled: true');
  return all ? text.replaceAll(/^( +)# (\w+: (?:[[{].*|\d+[a-z]))$/gm, '$1$2') : text;
}

const secrets = { AUDIT_WEBHOOK_SECRET: 'a'.repeat(24), CRM_WEBHOOK_SECRET: 'b'.repeat(24) };

test('an endpoint of the example that is enabled needs the secret that it names first, and no other', async () => {
  const read = await readWebhooksText(await enabledText(), secrets);
  expect(read).toMatchObject({ ok: true, warnings: [] });
  expect(read.ok && read.endpoints.map((endpoint) => endpoint.secrets.length)).toEqual([1, 1]);
});

test('the example is valid with everything enabled, its comments too, and all its secrets given', async () => {
  const { cert, key } = issueCertificate({ subject: 'crm', untilDays: 30 });
  const read = await readWebhooksText(await enabledText({ all: true }), {
    ...secrets,
    ...{ CRM_OLD_WEBHOOK_SECRET: 'c'.repeat(24), CRM_CA: cert, CRM_CLIENT_CERT: cert, CRM_CLIENT_KEY: key },
  });
  expect(read).toMatchObject({ ok: true, warnings: [] });
  expect(read.ok && read.endpoints.map((endpoint) => endpoint.secrets.length)).toEqual([1, 2]);
});

test('the example names the schema for editors and shows every key that the schema knows', async () => {
  const text = await exampleText();
  expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../schema/webhooks.schema.json');
  const schema = JSON.parse(webhooksJsonSchema()) as {
    properties: { endpoints: { items: { properties: object } } };
  };
  const { endpoints } = parse(await enabledText({ all: true })) as { endpoints: object[] };
  const shown = Object.keys(endpoints.at(-1) ?? {}).toSorted();
  expect(shown).toEqual(Object.keys(schema.properties.endpoints.items.properties).toSorted());
});

test('the example shows the values that hold when nobody gives one', async () => {
  const least = 'endpoints: [{id: a, url: "https://a.example.com", secret: s, events: ["*"], enabled: false}]';
  const [own, example] = await Promise.all([readWebhooksText(least, {}), readWebhooksText(await exampleText(), {})]);
  const [bare] = own.ok ? own.endpoints : [];
  const [first, full] = example.ok ? example.endpoints : [];
  const { maxRetries, baseDelayMs, maxDelayMs } = first ?? {};
  const patience = { maxRetries, baseDelayMs, maxDelayMs };
  expect(first).toEqual({ ...bare, id: first?.id, url: first?.url, secretName: first?.secretName, ...patience });
  const { id, url, secretName, events, description, headers, previousSecretNames } = full ?? {};
  expect(full).toEqual({ ...bare, id, url, secretName, events, description, headers, previousSecretNames });
});

test('its defaults span a day, and it says what they and the built-in ones come to', async () => {
  const text = await exampleText();
  const read = await readWebhooksText(text, {});
  const [first, full] = read.ok ? read.endpoints : [];
  expect(givesUpAfterMs(first!)).toBeGreaterThan(24 * 3_600_000);
  // Counted by hand: 10 s * (2^12 - 1) and 3 waits of 6 h; 10 s * (2^5 - 1).
  expect([givesUpAfterMs(first!), givesUpAfterMs(full!)]).toEqual([40_950_000 + 3 * 21_600_000, 310_000]);
  expect(text).toContain(`given up ${durationText(givesUpAfterMs(first!))} after its first attempt`);
  expect(text).toContain(`${durationText(givesUpAfterMs(full!))} after its first attempt`);
});

test('schema/webhooks.schema.json is what schema/print-webhooks-schema.ts prints', async () => {
  expect(await readFile(new URL('schema/webhooks.schema.json', root), 'utf8')).toBe(webhooksJsonSchema());
});
