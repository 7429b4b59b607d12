// Server-sent events, however they are cut into pieces.

import { expect, test } from 'vitest';
import { type ServerSentEvent, serverSentEvents } from '../../src/cli/server-sent-events.ts';

const text =
  ':\n\nevent: next\ndata: {"a":"é\u20ac"}\n\n:\n\nevent: next\r\ndata: one\r\ndata: two\r\n\r\nevent: complete\ndata:\n\nevent: next\ndata: a\u2028b\u2029c\n\n';
const events = [
  { event: 'next', data: '{"a":"é\u20ac"}' },
  { event: 'next', data: 'one\ntwo' },
  { event: 'complete', data: '' },
  // They end a line of JavaScript, and none of an event.
  { event: 'next', data: 'a\u2028b\u2029c' },
];

test.for([1, 2, 3, 7, 1_000])('they are the same in pieces of %i bytes', async (size) => {
  async function* pieces() {
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
  }
  const read: ServerSentEvent[] = [];
  for await (const event of serverSentEvents(pieces())) read.push(event);
  expect(read).toEqual(events);
});
