// The judge of whatever it is told: it is silent about a good history, and names what is wrong with each bad one.

import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import { type MadeUp, goodHistory, refusedOnce, request, row } from './made-up-history.ts';

/** What holds for both: halts that are known one by one, and crashes that are only counted. */
const bothWays = [
  ['halts', () => ({ halts: [] })],
  ['crashes', () => ({ crashes: 0 })],
] as const;

function wrongsAfter(change: (history: MadeUp) => unknown, causes: MadeUp['causes']): string[] {
  const history = { ...goodHistory(), causes };
  change(history);
  return judge(history).wrongs;
}

const fine: Record<string, (history: MadeUp) => unknown> = {
  'a good history': () => {},
  'an event that is refused and comes again': refusedOnce,
  'a refused event that is given up': ({ requests, attempts }) => {
    requests[1]!.status = 400;
    attempts[1]!.status = 'failed';
  },
  'an event that the endpoint does not take': ({ lines, requests, attempts }) => {
    for (const part of [lines[0]!.events, requests, attempts]) part.splice(1, 1);
    requests[1]!.previous = 1;
  },
  'a log that begins later, and a line with it': (history) => {
    const { events, lines, requests, attempts, acknowledged } = history;
    for (const part of [events, lines[0]!.events, requests, attempts]) part.shift();
    acknowledged.delete('event-1');
    history.after = 1;
    lines[0]!.before = 1;
  },
  'a gap in the log that is recorded': (history) => {
    const { events, lines, requests, attempts, acknowledged } = history;
    for (const part of [events, lines[0]!.events, requests, attempts]) part.splice(1, 1);
    requests[1]!.previous = 1;
    acknowledged.delete('event-2');
    history.gaps = [{ first: 2, last: 2 }];
  },
  'events that come in the order of their causes': (history) => {
    history.askedAt = new Map([...history.acknowledged].map(([id, at]) => [id, at - 5]));
  },
  'an event that may come at any time': ({ lines, requests, attempts }) => {
    Object.assign(lines[0]!, { before: null, mayTake: (id: string) => id === 'event-1' });
    lines[0]!.events.shift();
    requests.push({ ...requests.shift()!, begunAt: 90, endedAt: 91 });
    attempts.push({ ...attempts.shift()!, recordedAt: 95 });
  },
  'a generation that was ended before it was whole': ({ lines, requests, attempts }) => {
    lines[0]!.isWhole = false;
    for (const part of [requests, attempts]) part.pop();
  },
  'a line whose first request was sent when it began': ({ lines }) => {
    lines[0]!.begunAt = 10;
  },
  'a replay beside the line': ({ lines, requests, attempts }) => {
    lines.push({ endpoint: 'steady-1', line: 'a replay', events: [lines[0]!.events[3]!], before: 3, isWhole: true });
    requests.push(request(4, 60, { line: 'a replay' }));
    attempts.push(row(4, 65, { line: 'a replay' }));
  },
};

const bad: Record<string, { change: (history: MadeUp) => unknown; wrongs: string[] }> = {
  'a lost event': {
    change: ({ requests, attempts }) => [requests.pop(), attempts.pop()],
    wrongs: ['lost: steady-1: 4 was lost'],
  },
  'an event of a line that began after it was sent': {
    change: ({ lines, requests }) => {
      lines[0]!.begunAt = 5;
      Object.assign(requests[3]!, { sentAt: 4, isLate: true });
    },
    wrongs: ['phantom: steady-1: 4 was sent before its line began', 'lost: steady-1: 4 was lost'],
  },
  'an event that was refused and not given up': {
    change: ({ requests, attempts }) => {
      requests[3]!.status = 500;
      attempts[3]!.status = 'retrying';
    },
    wrongs: ['lost: steady-1: 4 was lost'],
  },
  'an acknowledged event that is not there': {
    change: ({ acknowledged }) => acknowledged.set('event-9', 80),
    wrongs: ['lost: the log: event-9 was acknowledged and is not there'],
  },
  'a gap in the log': {
    change: ({ events, lines, requests, attempts, acknowledged }) => {
      for (const part of [events, lines[0]!.events, requests, attempts]) part.splice(1, 1);
      requests[1]!.previous = 1;
      acknowledged.delete('event-2');
    },
    wrongs: ['lost: the log: a gap at event-3'],
  },
  'an event in a recorded gap': {
    change: (history) => (history.gaps = [{ first: 2, last: 2 }]),
    wrongs: ['phantom: the log: event-2 is at 2, where it may not be'],
  },
  'an event with two positions': {
    change: ({ events }) => events.push({ ...events[0]!, position: 5 }),
    wrongs: [
      'phantom: the log: event-1 has two positions',
      ...['disordered: steady-1: 1 names a wrong position, of 5'],
      'wrongly recorded: steady-1: event-1, attempt 1, is recorded at 1, and its event is at 5',
    ],
  },
  'an event that comes before what was there when it was asked for': {
    change: (history) => (history.askedAt = new Map([['event-2', 35]])),
    wrongs: ['disordered: the log: event-2 comes before event-3, which was there before it'],
  },
  'an event that is sent before the one in front of it is settled': {
    change: ({ requests }) => (requests[2]!.status = 503),
    wrongs: [
      'disordered: steady-1: 4 is out of order: 3 was not settled',
      'lost: steady-1: 3 was lost',
      'wrongly recorded: steady-1: event-3, attempt 1, is delivered and was not accepted',
    ],
  },
  'an event that is sent before the last attempt of the one in front of it': {
    change: (history) => {
      refusedOnce(history);
      const { requests, attempts } = history;
      requests[3]!.status = 503;
      attempts[3]!.status = 'failed';
      const [last] = requests.splice(4, 1);
      requests.splice(3, 0, { ...last!, begunAt: 34, endedAt: 35 });
      attempts[4]!.recordedAt = 36;
    },
    wrongs: ['disordered: steady-1: 4 is out of order: 3 was not settled'],
  },
  'a duplicate without a reason': {
    change: ({ requests }) => requests.push(request(4, 60)),
    wrongs: ['duplicated: steady-1: 4 is duplicated', 'unrecorded: steady-1: event-4, attempt 1, is unrecorded'],
  },
  'requests that overlap': {
    change: ({ requests }) => (requests[2]!.endedAt = 41),
    wrongs: ['overlapping: steady-1: 4 overlaps 3'],
  },
  'a request beside one that is open to the last': {
    change: ({ requests }) => {
      requests.splice(3, 0, request(4, 36, { status: null, endedAt: null }));
      requests[4]!.attempt = 2;
    },
    wrongs: [
      'wrongly recorded: steady-1: event-4, attempt 1, is delivered and was not accepted',
      'overlapping: steady-1: 4 overlaps 4',
      'unrecorded: steady-1: event-4, attempt 2, is unrecorded',
    ],
  },
  'a wrong signature': {
    change: ({ requests }) => (requests[0]!.signed = false),
    wrongs: ['wrongly signed: steady-1: 1 is wrongly signed'],
  },
  'another body': {
    change: ({ requests }) => (requests[0]!.bodySha = 'another'),
    wrongs: ['wrong body: steady-1: 1 has another body than its event'],
  },
  'a broken chain of previous positions': {
    change: ({ requests }) => (requests[3]!.previous = 1),
    wrongs: ['disordered: steady-1: 4 says that 1 was before it'],
  },
  'a request that does not say what was before it': {
    change: ({ requests }) => (requests[0]!.previous = null),
    wrongs: ['disordered: steady-1: 1 says that null was before it'],
  },
  'a wrong position': {
    change: ({ requests }) => (requests[3]!.position = 5),
    wrongs: ['disordered: steady-1: 5 names a wrong position, of 4'],
  },
  'an event that nobody published': {
    change: ({ events, lines, acknowledged }) => {
      for (const part of [events, lines[0]!.events]) part.pop();
      acknowledged.clear();
    },
    wrongs: ['phantom: steady-1: 4 carries event-4, which is not in the log', 'phantom: steady-1: 4 was not for it'],
  },
  'an event that its endpoint does not take': {
    change: ({ lines }) => lines[0]!.events.pop(),
    wrongs: ['phantom: steady-1: 4 was not for it'],
  },
  'a request to nobody': {
    change: ({ requests }) => requests.push(request(4, 90, { endpoint: 'nobody' })),
    wrongs: ['phantom: nobody: there is no such endpoint'],
  },
  'a request without its row': {
    change: ({ attempts }) => attempts.pop(),
    wrongs: ['unrecorded: steady-1: event-4, attempt 1, is unrecorded'],
  },
  'a row without its request': {
    change: ({ attempts }) => attempts.push(row(4, 60, { attempt: 2 })),
    wrongs: ['wrongly recorded: steady-1: event-4, attempt 2, is recorded and was not received'],
  },
  'two rows for one request': {
    change: ({ attempts }) => attempts.push(row(4, 60)),
    wrongs: ['wrongly recorded: steady-1: event-4, attempt 1, is recorded again'],
  },
  'two requests and two rows for one attempt': {
    change: (history) => {
      refusedOnce(history);
      for (const part of [history.requests, history.attempts]) part[3]!.attempt = 1;
    },
    wrongs: ['wrongly recorded: steady-1: event-3, attempt 1, is recorded again'],
  },
  'a row that says delivered of what was refused': {
    change: (history) => {
      refusedOnce(history);
      history.attempts[2]!.status = 'delivered';
    },
    wrongs: ['wrongly recorded: steady-1: event-3, attempt 1, is delivered and was not accepted'],
  },
  'a row at another position than its event’s': {
    change: ({ attempts }) => (attempts[3]!.position = 5),
    wrongs: ['wrongly recorded: steady-1: event-4, attempt 1, is recorded at 5, and its event is at 4'],
  },
  'an event that is given up before its retries are spent': {
    change: ({ lines, requests, attempts }) => {
      lines[0]!.mostAttempts = 2;
      requests[1]!.status = 400;
      attempts[1]!.status = 'failed';
    },
    wrongs: ['wrongly recorded: steady-1: event-2, attempt 1, was not the last that its retries allow'],
  },
};

const both = <Value>(cases: Record<string, Value>) =>
  bothWays.flatMap(([by, causes]) => Object.entries(cases).map(([what, value]) => ({ by, what, value, causes })));

test.each(both(fine))('by $by it finds nothing wrong with $what', ({ value, causes }) => {
  expect(wrongsAfter(value, causes())).toEqual([]);
});

test.each(both(bad))('by $by it sees $what', ({ value: { change, wrongs }, causes }) => {
  expect(wrongsAfter(change, causes())).toEqual(wrongs);
});

test('it counts what it sees, by its kind', () => {
  const history = goodHistory();
  history.requests[0]!.signed = false;
  history.requests.push(request(4, 60), request(4, 70));
  const { counts } = judge(history);
  expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([
    ['duplicated', 2],
    ['wrongly signed', 1],
    ['unrecorded', 2],
  ]);
});

test('it judges no records when it gets no rows', () => {
  expect(judge({ ...goodHistory(), attempts: null }).wrongs).toEqual([]);
  const history = { ...goodHistory(), attempts: null };
  history.requests.push(request(4, 60));
  expect(judge(history).wrongs).toEqual(['duplicated: steady-1: 4 is duplicated']);
});

test('it measures the longest wait of a steady endpoint for an event that was there', () => {
  const history = goodHistory();
  Object.assign(history.requests[3]!, { begunAt: 530, endedAt: 531 });
  history.attempts[3]!.recordedAt = 535;
  const stall = { ms: 530 - 39, endpoint: 'steady-1', position: 4, at: 530 };
  expect(judge(history).longestStall).toEqual(stall);
  history.lines[0]!.isSteady = false;
  expect(judge(history).longestStall.ms).toBe(0);
});

test('it judges 200,000 deliveries in seconds', () => {
  const { requests, attempts, lines, ...rest } = goodHistory(10_000);
  const endpoints = Array.from({ length: 20 }, (_, index) => `steady-${index + 1}`);
  const history = {
    ...rest,
    lines: endpoints.map((endpoint) => ({ ...lines[0]!, endpoint })),
    requests: endpoints.flatMap((endpoint) => requests.map((one) => ({ ...one, endpoint }))),
    attempts: endpoints.flatMap((endpoint) => attempts.map((one) => ({ ...one, endpoint }))),
  };
  const startedAt = performance.now();
  expect(judge(history).wrongs).toEqual([]);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
