import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { expect, test } from 'vitest';
import { type SignedContent, prepareKeys, signatureHeaders, signingSchemes } from '../../src/signing/sign.ts';
import { verify } from '../../src/signing/verify.ts';

test.each([
  {
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestampSeconds: 1614265330,
    body: '{"test": 2432232314}',
    signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  {
    secret: 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestampSeconds: 1614265330,
    body: '{"test": 2432232314}',
    signature: 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
  },
  {
    secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
    id: 'msg_27UH4WbU6Z5A5EzD8u03UvzRbpk',
    timestampSeconds: 1649367553,
    body: '{"email":"test@example.com","username":"test_user"}',
    signature: 'v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=',
  },
])('the published vector of $id at $timestampSeconds signs as $signature', ({ secret, signature, ...content }) => {
  expect(signatureHeaders(['standard'], prepareKeys([secret]), content)).toEqual({
    'webhook-id': content.id,
    'webhook-timestamp': String(content.timestampSeconds),
    'webhook-signature': signature,
  });
});

const secretBytes = fc.uint8Array({ minLength: 24, maxLength: 64 }).map((bytes) => Buffer.from(bytes));
const timestampSeconds = fc.integer({ min: 1, max: 4_102_444_800 });
const body = fc.oneof(fc.json(), fc.string({ unit: 'grapheme' }));
const content = fc.record({ id: fc.uuid(), timestampSeconds, body });

test('property 4: a signature is HMAC-SHA256 by its definition, over `id.timestamp.body` and over `timestamp.body`', () => {
  fc.assert(
    fc.property(secretBytes, content, (bytes, { id, timestampSeconds: seconds, body: text }) => {
      const keys = prepareKeys([`whsec_${bytes.toString('base64')}`]);
      const headers = signatureHeaders(signingSchemes, keys, { id, timestampSeconds: seconds, body: text });
      const utf8 = Buffer.from(text);
      const standard = createHmac('sha256', bytes).update(Buffer.concat([Buffer.from(`${id}.${seconds}.`), utf8]));
      const timestamped = createHmac('sha256', bytes).update(Buffer.concat([Buffer.from(`${seconds}.`), utf8]));
      expect(headers).toEqual({
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${standard.digest('base64')}`,
        'x-webhook-timestamp': String(seconds),
        'x-webhook-signature': `sha256=${timestamped.digest('hex')}`,
      });
    }),
  );
});

test('a secret without prefix signs with its UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), content, (secret, signed) => {
      fc.pre(!secret.startsWith('whs'));
      const headers = signatureHeaders(['timestamped'], prepareKeys([secret]), signed);
      const hmac = createHmac('sha256', Buffer.from(secret, 'utf8')).update(
        `${signed.timestampSeconds}.${signed.body}`,
      );
      expect(headers['x-webhook-signature']).toBe(`sha256=${hmac.digest('hex')}`);
    }),
  );
});

const now = fc.constant(0).map(() => Math.floor(Date.now() / 1000));

test('the packages `standardwebhooks` and `svix` accept what is signed, with either of two secrets', () => {
  fc.assert(
    fc.property(secretBytes, secretBytes, fc.uuid(), now, fc.json(), (current, previous, id, seconds, text) => {
      const secrets = [current, previous].map((bytes) => `whsec_${bytes.toString('base64')}`);
      const headers = signatureHeaders(['standard'], prepareKeys(secrets), {
        id,
        timestampSeconds: seconds,
        body: text,
      });
      for (const secret of secrets) {
        expect(() => new StandardWebhook(secret).verify(text, headers)).not.toThrow();
        expect(() => new SvixWebhook(secret).verify(text, headers)).not.toThrow();
      }
    }),
  );
});

test('property 4: one changed byte of body, id, timestamp or signature is refused, by our verifier and by `standardwebhooks`', () => {
  const part = fc.constantFrom('body', 'webhook-id', 'webhook-timestamp', 'webhook-signature');
  fc.assert(
    fc.property(secretBytes, fc.uuid(), now, fc.json(), part, fc.nat(), (bytes, id, seconds, text, where, at) => {
      const secret = `whsec_${bytes.toString('base64')}`;
      const keys = prepareKeys([secret]);
      const parts: Record<string, string> = {
        body: text,
        ...signatureHeaders(['standard'], keys, { id, timestampSeconds: seconds, body: text }),
      };
      const original = parts[where]!;
      const index = at % original.length;
      const changed = original[index] === 'x' ? 'y' : 'x';
      parts[where] = original.slice(0, index) + changed + original.slice(index + 1);
      const { body: changedBody = '', ...headers } = parts;
      expect(verify({ scheme: 'standard', keys, headers, body: changedBody, nowSeconds: seconds }).ok).toBe(false);
      expect(() => new StandardWebhook(secret).verify(changedBody, headers, { jsonParse: false })).toThrow();
    }),
  );
});

test('what both schemes sign verifies by both schemes, with any one of the keys, an Ed25519 one too', () => {
  const ed25519 = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
  fc.assert(
    fc.property(secretBytes, content, (bytes, signed) => {
      const hmac = `whsec_${bytes.toString('base64')}`;
      const headers = signatureHeaders(signingSchemes, prepareKeys([ed25519, hmac]), signed);
      expect(headers['webhook-signature']).toMatch(/^v1a,\S{88} v1,\S{44}$/);
      const rest = { headers, body: signed.body, nowSeconds: signed.timestampSeconds };
      expect(verify({ scheme: 'standard', keys: prepareKeys([ed25519]), ...rest })).toEqual({ ok: true });
      expect(verify({ scheme: 'standard', keys: prepareKeys([hmac]), ...rest })).toEqual({ ok: true });
      expect(verify({ scheme: 'timestamped', keys: prepareKeys([hmac]), ...rest })).toEqual({ ok: true });
    }),
  );
});

test('several secrets sign in their order, separated as each scheme says', () => {
  const signed: SignedContent = { id: 'a', timestampSeconds: 1, body: '{}' };
  const alone = (secret: string) => signatureHeaders(signingSchemes, prepareKeys([secret]), signed);
  const both = signatureHeaders(signingSchemes, prepareKeys(['the current one', 'the one before']), signed);
  const [current, previous] = [alone('the current one'), alone('the one before')];
  expect(both['webhook-signature']).toBe(`${current['webhook-signature']} ${previous['webhook-signature']}`);
  expect(both['x-webhook-signature']).toBe(`${current['x-webhook-signature']},${previous['x-webhook-signature']}`);
});

test.each(signingSchemes)('a request is never left unsigned: %s throws without a secret to sign with', (scheme) => {
  expect(() => signatureHeaders([scheme], [], { id: 'a', timestampSeconds: 1, body: '{}' })).toThrow('to sign with');
});

test('signatures are compared by crypto.timingSafeEqual alone', () => {
  const source = readFileSync(new URL('../../src/signing/verify.ts', import.meta.url), 'utf8');
  const comparison = /^.*(?:===?|!==?|\.equals\(|\.compare\(|includes\(|indexOf\(|localeCompare).*$/gm;
  // All others look at names, lengths and the current scheme; this list is read by people when it changes.
  const about = (line: string) =>
    /scheme === 'standard'|scheme !== 'standard'|\.length === |kind === |=== undefined|=== 'string'/.test(line);
  expect([...source.matchAll(comparison)].map(([line]) => line.trim()).filter((line) => !about(line))).toEqual([]);
  expect(source.match(/timingSafeEqual\(/g)).toHaveLength(1);
});
