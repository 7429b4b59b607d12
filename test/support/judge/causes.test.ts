// What the judge excuses, and for which cause: nothing without one, and no more than it explains.

import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import { type MadeUp, goodHistory, halt, killed, late, refusedOnce, request, row, stopped } from './made-up-history.ts';

const excused: Record<string, (history: MadeUp) => unknown> = {
  'the repeat of what was in flight when its process was killed': (history) => killed(history),
  'a row that was on its way when its process was killed': (history) => halt(history, 'killed', 42),
  'the repeat of what was in flight when its process was stopped, and recorded by both': (history) => stopped(history),
  'the repeat of what was in flight when its process lost Postgres, and recorded by both': (history) => {
    stopped(history).how = 'lost Postgres';
  },
  'the repeat of what was in flight when another process took its lease': (history) => {
    Object.assign(stopped(history), { how: 'lost a lease', endpoint: 'steady-1', goesOnAt: 42 });
  },
  'the repeat of what was in flight in a thread that ended': (history) => {
    Object.assign(killed(history), { how: 'lost a thread', goesOnAt: 50 });
    for (const sent of history.requests) sent.sender = 'a1';
  },
  'the row of a thread that ended, beside the one that says so': (history) => {
    halt(history, 'lost a thread', 42, { goesOnAt: 42 });
    history.attempts[3] = row(4, 46, { status: 'retrying', answered: false });
    history.attempts.push(row(4, 47));
  },
  'the repeat of what a restored database has lost, by the same process': (history) => {
    halt(history, 'lost rows', 0, { goesOnAt: 50 });
    history.requests.push(request(3, 60), request(4, 70));
    Object.assign(history.attempts[2]!, { recordedAt: 65 });
    Object.assign(history.attempts[3]!, { recordedAt: 75 });
  },
  'the row of a request of before a restore, at the position that its event had then': (history) => {
    halt(history, 'lost rows', 0, { goesOnAt: 50 });
    history.requests.splice(3, 0, request(4, 40, { position: 9, isLate: true }));
    history.attempts.push(row(4, 55, { position: 9 }));
  },
  'the row of a thread that sent nothing before a restore, beside the attempt that was made after it': (history) => {
    halt(history, 'lost rows', 0, { goesOnAt: 50 });
    history.attempts.unshift(row(4, 8, { position: 9, status: 'retrying', answered: false }));
  },
  'one request of a stopped process that comes after its successor’s': (history) => late(history),
  'a request that overlaps one that a stopped process has left open': ({ requests, ...history }) => {
    Object.assign(requests[3]!, { status: null, endedAt: 2_500 });
    stopped({ ...history, requests });
    history.attempts[4]!.status = 'retrying';
    history.attempts[4]!.answered = false;
  },
  'a request that is known from inside to be late': ({ requests, attempts }) => {
    requests.splice(1, 0, request(4, 12, { isLate: true, sender: 'b1', run: 'b1' }));
    attempts.push(row(4, 16, { run: 'b1' }));
  },
  'a given up attempt of a thread that died, known to come late: after the next event': ({ requests, attempts }) => {
    const [held] = requests.splice(1, 1);
    requests.splice(2, 0, { ...held!, begunAt: 33, endedAt: 34, status: 503, isLate: true });
    Object.assign(attempts[1]!, { status: 'failed', answered: false });
  },
  'an answer that came too late for its process': (history) => {
    Object.assign(history.attempts[3]!, { status: 'retrying', answered: false });
    history.requests.push(request(4, 100, { attempt: 2 }));
    history.attempts.push(row(4, 105, { attempt: 2 }));
  },
  'an attempt that got lost on its way': ({ attempts, requests }) => {
    requests[3]!.attempt = 2;
    attempts[3]!.attempt = 2;
    attempts.push(row(4, 36, { status: 'retrying', answered: false }));
  },
  'an event whose one attempt got lost on its way': ({ lines, attempts, requests }) => {
    lines[0]!.mostAttempts = 1;
    requests.splice(2, 1);
    Object.assign(attempts[2]!, { status: 'failed', answered: false });
  },
  'an event whose last attempt got lost on its way': (history) => {
    refusedOnce(history);
    history.requests.splice(3, 1);
    Object.assign(history.attempts[3]!, { status: 'failed', answered: false });
  },
  'attempts that count anew with every resume': (history) => {
    refusedOnce(history);
    for (const part of [history.requests, history.attempts]) {
      Object.assign(part[2]!, { run: 'a1' });
      Object.assign(part[3]!, { attempt: 1, run: 'a1, resumed' });
    }
  },
  'an event that was given up, before a crash forgot it': (history) => {
    history.lines[0]!.mostAttempts = 1;
    history.requests[2]!.status = 503;
    for (const position of [4, 3]) history.attempts.splice(position - 1, 1);
    halt(history, 'killed', 42);
    for (const position of [3, 4]) {
      history.requests.push(request(position, 2_000 + position * 10, { sender: 'b1' }));
      history.attempts.push(row(position, 2_005 + position * 10));
    }
  },
};

test.each(Object.entries(excused))('it excuses %s', (_, change) => {
  const history = goodHistory();
  change(history);
  expect(judge(history).wrongs).toEqual([]);
});

const duplicated = 'duplicated: steady-1: 4 is duplicated';
const unrecorded = 'unrecorded: steady-1: event-4, attempt 1, is unrecorded';

const givenUpUnsent = [3, 4]
  .map((position) => `disordered: steady-1: ${position} is out of order: 2 was not settled`)
  .concat('lost: steady-1: 2 was lost');

const recordedAt9 = 'wrongly recorded: steady-1: event-4, attempt 1, is recorded at 9, and its event is at 4';

const inexcusable: Record<string, { change: (history: MadeUp) => unknown; wrongs: string[] }> = {
  'a duplicate that is recorded, too': {
    change: ({ requests, attempts }) => [requests.push(request(4, 60)), attempts.push(row(4, 65))],
    wrongs: [duplicated],
  },
  'a repeat of what was recorded when its process was killed': {
    change: (history) => {
      halt(history, 'killed', 50);
      history.requests.push(request(4, 2_000, { sender: 'b1' }));
      history.attempts.push(row(4, 2_005));
    },
    wrongs: [duplicated],
  },
  'a repeat before the kill that could be its reason': {
    change: (history) => killed(history, 2_500),
    wrongs: [duplicated],
  },
  'a repeat for the kill of another process': {
    change: (history) => (killed(history).sender = 'c1'),
    wrongs: [duplicated, unrecorded],
  },
  'a repeat for what befell another endpoint': {
    change: (history) => (killed(history).endpoint = 'steady-2'),
    wrongs: [duplicated, unrecorded],
  },
  'a row at another position than its late request named, after a restore': {
    change: (history) => {
      halt(history, 'lost rows', 0, { goesOnAt: 50 });
      history.requests.splice(3, 0, request(4, 40, { position: 8, isLate: true }));
      history.attempts.push(row(4, 55, { position: 9 }));
    },
    wrongs: [recordedAt9],
  },
  'a row at another position of what was answered, after a restore': {
    change: (history) => {
      halt(history, 'lost rows', 0, { goesOnAt: 50 });
      history.attempts[3]!.position = 9;
    },
    wrongs: [recordedAt9],
  },
  'the row of a thread that sent nothing, at another position, without a restore': {
    change: (history) => {
      halt(history, 'lost a thread', 0, { goesOnAt: 50 });
      history.attempts.unshift(row(4, 8, { position: 9, status: 'retrying', answered: false }));
    },
    wrongs: [recordedAt9],
  },
  'a further row of what was answered, after a restore': {
    change: (history) => {
      halt(history, 'lost rows', 0, { goesOnAt: 50 });
      history.attempts.push(row(4, 55));
    },
    wrongs: ['wrongly recorded: steady-1: event-4, attempt 1, is recorded again'],
  },
  'a further row that tells of no answer, without a restore': {
    change: (history) => {
      history.attempts.push(row(4, 55, { status: 'retrying', answered: false }));
    },
    wrongs: ['wrongly recorded: steady-1: event-4, attempt 1, is recorded again'],
  },
  'a second repeat for one kill': {
    change: (history) => {
      killed(history);
      history.requests.push(request(4, 2_100, { sender: 'b1' }));
      history.attempts.push(row(4, 2_105));
    },
    wrongs: [duplicated],
  },
  'a stopped process that repeats its own request': {
    change: (history) => {
      stopped(history);
      for (const sent of history.requests) sent.sender = 'a1';
    },
    wrongs: [duplicated],
  },
  'two requests of a stopped process that come late': {
    change: (history) => {
      stopped(history);
      history.attempts[2]!.recordedAt = 3_006;
      for (const sent of history.requests.splice(2, 2)) {
        const { position } = sent;
        history.requests.push({ ...sent, begunAt: 2_998 + position, endedAt: 2_999 + position });
      }
      history.requests.splice(2, 0, request(3, 1_990, { sender: 'b1' }));
      history.attempts.push(row(3, 1_995));
    },
    wrongs: [duplicated],
  },
  'a repeat of what was sent after the end of a thread': {
    change: (history) => Object.assign(killed(history, 35), { how: 'lost a thread', goesOnAt: 38 }),
    wrongs: [duplicated, unrecorded],
  },
  'a late request of a process that had only lost Postgres': {
    change: (history) => (late(history).how = 'lost Postgres'),
    wrongs: [duplicated],
  },
  'an event that is given up and was never sent': {
    change: ({ attempts, requests }) => {
      requests.splice(1, 1);
      Object.assign(attempts[1]!, { status: 'failed', answered: false });
    },
    wrongs: givenUpUnsent,
  },
  'an event that is given up unsent before its retries are spent': {
    change: ({ lines, attempts, requests }) => {
      lines[0]!.mostAttempts = 2;
      requests.splice(1, 1);
      Object.assign(attempts[1]!, { status: 'failed', answered: false });
    },
    wrongs: [
      ...givenUpUnsent,
      'wrongly recorded: steady-1: event-2, attempt 1, was not the last that its retries allow',
    ],
  },
  'an event that is given up unsent, without the attempts before': {
    change: ({ lines, attempts, requests }) => {
      lines[0]!.mostAttempts = 2;
      requests.splice(1, 1);
      Object.assign(attempts[1]!, { status: 'failed', answered: false, attempt: 2 });
    },
    wrongs: givenUpUnsent,
  },
  'a request without its row, of a process that went on': {
    change: (history) => {
      stopped(history);
      history.attempts.pop();
    },
    wrongs: [unrecorded],
  },
};

test.each(Object.entries(inexcusable))('it sees %s', (_, { change, wrongs }) => {
  const history = goodHistory();
  change(history);
  expect(judge(history).wrongs).toEqual(wrongs);
});

test('it counts what was in flight, what came twice and what came late', () => {
  const history = goodHistory();
  killed(history);
  expect(judge(history)).toMatchObject({ inFlightAtHalts: 1, repeats: 1, late: 0 });
  const other = goodHistory();
  late(other);
  expect(judge(other)).toMatchObject({ inFlightAtHalts: 0, repeats: 1, late: 1 });
});

test('it sees that more was unrecorded at a kill than may be', () => {
  const history = goodHistory(18);
  halt(history, 'killed', 500);
  history.attempts.length = 0;
  for (const { position } of history.events) {
    history.requests.push(request(position, 2_000 + position * 10, { sender: 'b1' }));
    history.attempts.push(row(position, 2_005 + position * 10));
  }
  expect(judge(history).wrongs).toEqual(['unrecorded: steady-1: 18 requests of a1 were in flight (killed)']);
});

test('it counts what was in flight at one time, also while Postgres is away and comes back', () => {
  const history = goodHistory(30);
  halt(history, 'lost Postgres', 0, { goesOnAt: 10_000 });
  expect(judge(history)).toMatchObject({ wrongs: [], inFlightAtHalts: 30 });
  for (const attempt of history.attempts) attempt.recordedAt = 9_000;
  expect(judge(history).wrongs).toContain('unrecorded: steady-1: 30 requests of a1 were in flight (lost Postgres)');
});

test('it does not count what a thread took with it once more when Postgres is away', () => {
  const history = goodHistory(20);
  const [lost, later] = [history.events.slice(0, 10), history.events.slice(10)];
  halt(history, 'lost a thread', 105, { goesOnAt: 110 });
  history.requests.length = 10;
  history.attempts.length = 0;
  for (const { position } of [...lost, ...later]) {
    history.requests.push(request(position, 200 + position * 10));
    history.attempts.push(row(position, position <= 10 ? 205 + position * 10 : 1_000 + position));
  }
  halt(history, 'lost Postgres', 405, { goesOnAt: 900 });
  expect(judge(history)).toMatchObject({ wrongs: [], inFlightAtHalts: 20, repeats: 10 });
});
