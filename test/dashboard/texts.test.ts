// What the page writes of bodies, requests and configurations.

import { execFileSync } from 'node:child_process';
import { assert, constantFrom, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { curlOf } from '../../src/dashboard/curl.ts';
import { differences } from '../../src/dashboard/difference.ts';
import { matches, whyNot } from '../../src/dashboard/event-patterns.ts';
import { indent } from '../../src/dashboard/json-text.ts';
import { createEventReader } from '../../src/dashboard/server-sent-events.ts';

test('a body is indented without touching a number, an escape or the order of its keys', () => {
  const sent = '{"n":12345678901234567890.10,"b":{},"e":[],"t":"a\\u00e9, {\\"x\\": 1}","l":[1e400,-0.0]}';
  const shown = indent(sent);
  expect(shown).toBe(
    [
      '{',
      '  "n": 12345678901234567890.10,',
      '  "b": {},',
      '  "e": [],',
      '  "t": "a\\u00e9, {\\"x\\": 1}",',
      '  "l": [',
      '    1e400,',
      '    -0.0',
      '  ]',
      '}',
    ].join('\n'),
  );
  expect(indent('<html>')).toBe('<html>');
});

test('a shell gives curl the very URL, headers and body, whatever is in them', () => {
  const request = (text: string) => ({
    url: `https://crm.example.com/?q=${text}`,
    headers: [
      { name: 'x-text', value: `v${text}` },
      { name: 'x-empty', value: '' },
      { name: 'Content-Length', value: '3' },
    ],
    body: `@${text}\n`,
  });
  const shell = (text: string) => {
    const script = `curl() { printf '%s\\0' "$@"; }\n${curlOf(request(text))}`;
    return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
  };
  const pieces = string({
    unit: constantFrom("'", '"', '\\', '$(id)', '`', '!', ' ', '%', '*', 'ä', '\n'),
    maxLength: 8,
  });
  assert(
    property(pieces, (text) => {
      expect(shell(text)).toEqual([
        ...['-X', 'POST', '--globoff', '-H', `x-text: v${text}`, '-H', 'x-empty;'],
        ...['--data-raw', `@${text}\n`, `https://crm.example.com/?q=${text}`],
      ]);
    }),
    { numRuns: 20 },
  );
});

test('two configurations differ where a value is another, is gone or is new', () => {
  const before = { timeout: '15s', events: ['a.*'], headers: { 'X-Env': 'test', 'X-Old': '1' }, batch: 1, note: null };
  const after = { timeout: '5s', events: ['a.*', 'b.*'], headers: { 'X-Env': 'prod' }, batch: 1 };
  expect(differences(before, after)).toEqual([
    { path: 'timeout', before: '15s', after: '5s' },
    { path: 'events', before: '["a.*"]', after: '["a.*","b.*"]' },
    { path: 'headers.X-Env', before: 'test', after: 'prod' },
    { path: 'headers.X-Old', before: '1', after: null },
  ]);
  expect(differences(before, before)).toEqual([]);
});

test.each([
  ['user.created', 'user.created', true],
  ['user.*', 'user.oauth_linked', true],
  ['*', 'order.placed', true],
  ['user.oauth_*', 'user.created', false],
  ['user.created', 'userXcreated', false],
  ['*', 'webhook.endpoint_paused', false],
  ['webhook.*', 'webhook.endpoint_paused', true],
])('the pattern %s and the type %s match: %s', (pattern, type, is) => expect(matches(pattern, type)).toBe(is));

test('why an event was not for an endpoint is said as its configuration has it', () => {
  const crm = { id: 'crm', enabled: true, events: ['user.*', 'order.paid'] };
  expect(whyNot({ type: 'order.placed' }, crm)).toBe('Its events (user.*, order.paid) do not match order.placed.');
  expect(whyNot({ type: 'user.created' }, crm)).toMatch('earlier filter');
  expect(whyNot({ type: 'user.created' }, { ...crm, enabled: false })).toMatch('disabled');
  expect(whyNot({ type: 'webhook.test' }, crm)).toMatch('test');
  expect(whyNot({ type: 'user.created' }, undefined)).toMatch('not configured');
});

test('server-sent events are read whole, wherever the stream was cut', () => {
  const stream =
    ':\n\nevent: next\ndata: {"a":1}\n\nevent: next\r\ndata: x\r\ndata: y\r\n\r\nevent: complete\ndata:\n\n';
  const whole = [
    { event: 'next', data: '{"a":1}' },
    { event: 'next', data: 'x\ny' },
    { event: 'complete', data: '' },
  ];
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const read = createEventReader();
    expect([...read(stream.slice(0, cut)), ...read(stream.slice(cut))]).toEqual(whole);
  }
});
