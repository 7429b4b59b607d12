// A run of the benchmark that is not right has no figure, and says what was wrong with it.

import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { demandRight } from '../../bench/check.ts';
import { makeEndpoints } from '../../bench/endpoints.ts';
import { NoFigure } from '../../bench/row.ts';

const endpoints = makeEndpoints(2);

/** Six events, the endpoints in turn, after three of an earlier run. */
function rightRun() {
  const expected = Array.from({ length: 6 }, (_, index) => {
    const position = index + 4;
    const { type } = endpoints[index % 2]!;
    return { type, id: `event-${position}`, position, previous: position - 2, payload: `{"number":${position}}` };
  });
  const received = expected.map(({ id, type, position, previous, payload }) => {
    const { path, secret } = endpoints.find((endpoint) => endpoint.type === type)!;
    const now = new Date();
    const signature = new Webhook(secret).sign(id, now, payload);
    const timestamp = String(Math.floor(now.getTime() / 1_000));
    return { path, id, position, previous, timestamp, signature, bodyBytes: payload.length, atMs: 0 };
  });
  return { endpoints, expected, received };
}

type Run = ReturnType<typeof rightRun>;

test('a run that is right has a figure', () => {
  expect(() => demandRight('Tidings', rightRun())).not.toThrow();
});

test.each<[string, string, (run: Run) => unknown]>([
  ['lost', 'lost = 1', ({ received }) => received.pop()],
  ['disordered', 'disordered = 1', ({ received }) => received.push(...received.splice(2, 1))],
  ['with another event before it', 'disordered = 1', ({ received }) => (received[2]!.previous = 3)],
  ['with another position', 'disordered = 1', ({ received }) => (received[2]!.position = 9)],
  ['duplicated', 'duplicated = 1', ({ received }) => received.push(received[5]!)],
  ['wrongly signed', 'wrongly signed = 1', ({ received }) => (received[0]!.signature = received[1]!.signature)],
  ['with a body of another length', 'wrong body = 1', ({ received }) => (received[0]!.bodyBytes += 1)],
  ['of no event of this run', 'lost = 1, wrongly signed = 1, phantom = 2', ({ received }) => (received[5]!.id = 'x')],
  ['to nobody', 'lost = 1, phantom = 1', ({ received }) => (received[5]!.path = '/nobody')],
  [
    'to the other endpoint',
    'wrongly signed = 1, phantom = 1',
    ({ received }) => received.push({ ...received[5]!, path: '/e00000' }),
  ],
])('a run with a request %s has no figure', (_, says, change) => {
  const run = rightRun();
  change(run);
  expect(() => demandRight('Tidings', run)).toThrow(new NoFigure(`Tidings: no figure, since ${says}`));
});
