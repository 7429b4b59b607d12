// What the judge excuses where crashes are only counted.

import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import { type MadeUp, goodHistory, request, row } from './made-up-history.ts';

/** A number of crashes, and the events from `from` on once more, recorded at the first time or at the second. */
function repeated(crashes: number, from: number): MadeUp {
  const history = { ...goodHistory(30), causes: { crashes } };
  for (const sent of history.requests.slice(from - 1)) {
    history.requests.push({ ...sent, begunAt: sent.begunAt + 1_000, endedAt: sent.begunAt + 1_001 });
  }
  return history;
}

test('a crash that is only counted repeats what was in flight, in its order, and leaves as much unrecorded', () => {
  expect(judge(repeated(1, 14))).toMatchObject({ wrongs: [], repeats: 17 });
});

test('a crash that is only counted repeats nothing from farther back than what was in flight', () => {
  const wrong = 'duplicated: steady-1: 13 is duplicated, 18 accepted events back';
  expect(judge(repeated(1, 13)).wrongs).toContain(wrong);
});

test('each run of repeats needs a crash of its own', () => {
  const history = repeated(1, 30);
  history.requests.push(request(29, 2_000));
  expect(judge(history).wrongs).toEqual(['duplicated: steady-1: 29 is duplicated']);
  history.causes = { crashes: 2 };
  expect(judge(history).wrongs).toEqual([]);
});

test('a crash that is only counted excuses no repeat with another body', () => {
  const history = repeated(1, 30);
  history.requests.at(-1)!.bodySha = 'another';
  expect(judge(history).wrongs).toEqual(['wrong body: steady-1: 30 has another body than its event']);
});

test.each([
  ['a row of an attempt that was not received, though no answer had come', { attempt: 2, answered: false }],
  ['a second row for one attempt', {}],
])('a crash that is only counted does not excuse %s', (_, given) => {
  const history = repeated(1, 30);
  history.attempts.push(row(30, 2_000, given));
  expect(judge(history).wrongs).toEqual([
    expect.stringMatching(/^wrongly recorded: steady-1: event-30, attempt \d, is/),
  ]);
});

test('it sees that more is unrecorded than the crashes that were counted may leave', () => {
  const history = { ...goodHistory(18), causes: { crashes: 1 } };
  history.attempts.length = 1;
  expect(judge(history).wrongs).toEqual([]);
  history.attempts.length = 0;
  expect(judge(history).counts.unrecorded).toBe(18);
});
