import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prepareKeys } from '../../src/signing/sign.ts';
import { type ReceivedRequest, verify } from '../../src/signing/verify.ts';

// Signed here by definition, not by the code under test.
const secret = 'a secret of this very test';
const body = '{"a":1.0}';
const id = '0195f0a0-0000-7000-8000-000000000001';
const seconds = 1_700_000_000;

function mac(content: string, encoding: 'base64' | 'hex' | 'base64url', key = secret): string {
  return createHmac('sha256', key).update(content).digest(encoding);
}

const right = `v1,${mac(`${id}.${seconds}.${body}`, 'base64')}`;
const rightHex = `sha256=${mac(`${seconds}.${body}`, 'hex')}`;
const good: ReceivedRequest = {
  scheme: 'standard',
  keys: prepareKeys([secret]),
  headers: { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': right },
  body,
  nowSeconds: seconds,
};
const goodTimestamped: ReceivedRequest = {
  ...good,
  scheme: 'timestamped',
  headers: { 'x-webhook-timestamp': String(seconds), 'x-webhook-signature': rightHex },
};

/** A request whose signature is right for the id and timestamp it carries. */
function signedAs(given: { id?: string; timestamp?: string; body?: string }): ReceivedRequest {
  const { id: itsId = id, timestamp = String(seconds), body: itsBody = body } = given;
  const signature = `v1,${mac(`${itsId}.${timestamp}.${itsBody}`, 'base64')}`;
  return withHeaders({ 'webhook-id': itsId, 'webhook-timestamp': timestamp, 'webhook-signature': signature }, itsBody);
}

function withHeaders(headers: ReceivedRequest['headers'], itsBody: ReceivedRequest['body'] = body): ReceivedRequest {
  return { ...good, headers: { ...good.headers, ...headers }, body: itsBody };
}

const wrong = `v1,${mac('something else', 'base64')}`;

test.each<[string, ReceivedRequest]>([
  ['as it was signed', good],
  ['by the other scheme', goodTimestamped],
  ['300 s old', { ...good, nowSeconds: seconds + 300 }],
  ['300 s ahead', { ...good, nowSeconds: seconds - 300 }],
  ['the right signature is the last of three', withHeaders({ 'webhook-signature': `${wrong} v1a,AAAA ${right}` })],
  ['the key is the second of two', { ...good, keys: prepareKeys(['another secret', secret]) }],
  ['the body comes as bytes', withHeaders({}, Buffer.from(body))],
  ['the body is empty, and was signed so', signedAs({ body: '' })],
  ['the body has bytes of several each', signedAs({ body: '{"name":"Ådå 🚀"}' })],
])('a request is accepted: %s', (_, request) => {
  expect(verify(request)).toEqual({ ok: true });
});

test.each<[string, ReceivedRequest]>([
  ['no id', withHeaders({ 'webhook-id': undefined })],
  ['an empty id', signedAs({ id: '' })],
  ['no timestamp', withHeaders({ 'webhook-timestamp': undefined })],
  ['an empty timestamp', signedAs({ timestamp: '' })],
  ['no signature', withHeaders({ 'webhook-signature': undefined })],
  ['an empty signature', withHeaders({ 'webhook-signature': '' })],
  ['the timestamp is a word', signedAs({ timestamp: 'hello' })],
  ['the timestamp has an exponent', { ...signedAs({ timestamp: '1e3' }), nowSeconds: 1000 }],
  ['the timestamp has blanks', signedAs({ timestamp: ` ${seconds} ` })],
  ['letters follow the timestamp', signedAs({ timestamp: `${seconds}abc` })],
  ['the timestamp is negative', { ...signedAs({ timestamp: '-12' }), nowSeconds: -12 }],
  ['the timestamp is a fraction', signedAs({ timestamp: `${seconds}.5` })],
  ['the timestamp is of the year 9999', signedAs({ timestamp: '253402300799' })],
  ['the timestamp is long', { ...signedAs({ timestamp: '1234567890123' }), nowSeconds: 1234567890123 }],
  ['301 s old', { ...good, nowSeconds: seconds + 301 }],
  ['301 s ahead', { ...good, nowSeconds: seconds - 301 }],
  ['the signature is cut', withHeaders({ 'webhook-signature': right.slice(0, -1) })],
  ['the signature has a byte more', withHeaders({ 'webhook-signature': `${right}A` })],
  ['the signature is in the wrong case', withHeaders({ 'webhook-signature': right.toUpperCase() })],
  ['hex instead of base64', withHeaders({ 'webhook-signature': `v1,${mac(`${id}.${seconds}.${body}`, 'hex')}` })],
  ['base64 without padding', withHeaders({ 'webhook-signature': right.replace('=', '') })],
  ['nothing behind v1', withHeaders({ 'webhook-signature': 'v1,' })],
  ['another version', withHeaders({ 'webhook-signature': right.replace('v1', 'v2') })],
  ['an HMAC in the place of an Ed25519 signature', withHeaders({ 'webhook-signature': right.replace('v1', 'v1a') })],
  ['a list of 1000 signatures', withHeaders({ 'webhook-signature': `${`${wrong} `.repeat(999)}${right}` })],
  ['a comma between signatures', withHeaders({ 'webhook-signature': `${wrong},${right}` })],
  ['the signature came twice', withHeaders({ 'webhook-signature': [right, right] })],
  ['the headers are in the prototype', { ...good, headers: Object.create(good.headers) }],
  ['a byte more in the body', withHeaders({}, `${body} `)],
  ['the body was parsed and written again', withHeaders({}, JSON.stringify(JSON.parse(body)))],
  ['line ends of the body were changed', { ...signedAs({ body: 'a\nb' }), body: 'a\r\nb' }],
  ['a byte order mark before the body', withHeaders({}, Buffer.from(`\ufeff${body}`))],
  ['the body is no UTF-8', { ...signedAs({ body: '\ufffd' }), body: Buffer.from([0xff]) }],
  ['the id holds a dot', signedAs({ id: 'a.1' })],
  ['the id holds a line end', signedAs({ id: 'a\r\nb' })],
  ['the secret of another endpoint', { ...good, keys: prepareKeys(['another secret']) }],
  ['no key at all', { ...good, keys: [] }],
  ['the other scheme was signed', { ...goodTimestamped, scheme: 'standard' }],
  [
    'hex in capitals',
    { ...goodTimestamped, headers: { ...goodTimestamped.headers, 'x-webhook-signature': rightHex.toUpperCase() } },
  ],
  [
    'hex alone',
    { ...goodTimestamped, headers: { ...goodTimestamped.headers, 'x-webhook-signature': rightHex.slice(7) } },
  ],
])('a request is refused: %s', (_, request) => {
  expect(verify(request)).toEqual({ ok: false, reason: expect.any(String) });
});

test('the url spelling of base64 is refused', () => {
  // A body whose signature has a character that is spelled otherwise there.
  const bodies = Array.from({ length: 50 }, (_unused, n) => `{"n":${n}}`);
  const its = bodies.find((text) => /[+/]/.test(mac(`${id}.${seconds}.${text}`, 'base64')))!;
  const url = `v1,${mac(`${id}.${seconds}.${its}`, 'base64url')}=`;
  expect(verify(withHeaders({ 'webhook-signature': url }, its)).ok).toBe(false);
  expect(verify(signedAs({ body: its })).ok).toBe(true);
});

test('moving the border between id, timestamp and body never makes the same request', () => {
  // All three sign `a.1700000000.7.b`; only the second is what a sender means by it.
  const signature = `v1,${mac('a.1700000000.7.b', 'base64')}`;
  const read = (itsId: string, timestamp: string, itsBody: string) =>
    verify({
      ...good,
      headers: { 'webhook-id': itsId, 'webhook-timestamp': timestamp, 'webhook-signature': signature },
      body: itsBody,
      nowSeconds: Number(timestamp),
    }).ok;
  expect([read('a.1700000000', '7', 'b'), read('a', '1700000000', '7.b'), read('a', '17', '7.b')]).toEqual([
    false,
    true,
    false,
  ]);
});

test('whatever the headers and the body hold, the answer is a refusal and never an error', () => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string()), fc.constant(undefined));
  const headers = fc.dictionary(
    fc.constantFrom('webhook-id', 'webhook-timestamp', 'webhook-signature', '__proto__', 'x-webhook-signature'),
    fc.oneof(value, fc.constantFrom(...Object.values(good.headers as Record<string, string>))),
  );
  fc.assert(
    fc.property(headers, fc.oneof(fc.string(), fc.uint8Array()), (given, itsBody) => {
      expect(verify({ ...good, headers: given, body: itsBody })).toEqual({ ok: false, reason: expect.any(String) });
    }),
  );
});
