// The judge of chaos runs itself: it is silent about a good history, and names what is wrong with each bad one.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type ChaosHistory, checkChaos } from './check-history.ts';

const sha = createHash('sha256').update('body').digest('hex');

type Changed<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer One)[] ? One[] : T[Key] };

/** `length` events, each accepted by steady-1 from instance a1 10 ms after the one before, and recorded 5 ms later. */
function goodHistory(length = 4): Changed<ChaosHistory> {
  const positions = Array.from({ length }, (_, index) => index + 1);
  return {
    events: positions.map((position) => ({ id: `event-${position}`, position, type: 'a.one', payload: 'body' })),
    endpoints: ['steady-1'],
    requests: positions.map((position) => request(position, position * 10)),
    attempts: positions.map((position) => row(position, position * 10 + 5)),
    knownAt: new Map(positions.map((position) => [`event-${position}`, position * 10 - 1])),
    acknowledged: ['event-1'],
    halts: [],
  };
}

function request(position: number, begunAt: number, given: Partial<ChaosHistory['requests'][number]> = {}) {
  return {
    endpoint: 'steady-1',
    eventId: `event-${position}`,
    position,
    previous: position - 1,
    attempt: 1,
    bodySha: sha,
    signed: true,
    sender: 'a1',
    begunAt,
    status: 200,
    endedAt: begunAt + 1,
    ...given,
  };
}

function row(position: number, recordedAt: number, given: Partial<ChaosHistory['attempts'][number]> = {}) {
  const base = { eventId: `event-${position}`, endpoint: 'steady-1', attempt: 1, status: 'delivered', answered: true };
  return { ...base, recordedAt, ...given };
}

type Good = ReturnType<typeof goodHistory>;

/** The answer to the last event got lost in a kill of a1; b1 sends it again, and records it. */
function killed(history: Good, at = 42): void {
  history.halts.push({ how: 'killed', sender: 'a1', at, goesOnAt: null });
  history.attempts.pop();
  history.requests.push(request(4, 2_000, { sender: 'b1' }));
  history.attempts.push(row(4, 2_005));
}

/** a1 is stopped with the last event answered and unrecorded; b1 sends it again; a1 goes on, and records it late. */
function stopped(history: Good): void {
  history.halts.push({ how: 'stopped', sender: 'a1', at: 42, goesOnAt: 3_000 });
  history.requests.push(request(4, 2_000, { sender: 'b1' }));
  history.attempts[3]!.recordedAt = 2_005;
  history.attempts.push(row(4, 3_005));
}

/** As when it is stopped, but that its request is still on its way to the endpoint. */
function late(history: Good): void {
  stopped(history);
  const [held] = history.requests.splice(3, 1);
  history.requests.push({ ...held!, begunAt: 3_001, endedAt: 3_002 });
}

const fine: Record<string, (history: Good) => unknown> = {
  'a good history': () => {},
  'the repeat of what was in flight when its process was killed': (history) => killed(history),
  'a row that was on its way when its process was killed': ({ halts }) =>
    halts.push({ how: 'killed', sender: 'a1', at: 42, goesOnAt: null }),
  'the repeat of what was in flight when its process was stopped, and recorded by both': (history) => stopped(history),
  'an answer that came too late for its process': (history) => {
    Object.assign(history.attempts[3]!, { status: 'retrying', answered: false });
    history.requests.push(request(4, 100, { attempt: 2 }));
    history.attempts.push(row(4, 105, { attempt: 2 }));
  },
  'a refused event that is given up': (history) => {
    history.requests[1]!.status = 400;
    history.attempts[1]!.status = 'failed';
  },
  'an attempt that got lost on its way': ({ attempts, requests }) => {
    requests[3]!.attempt = 2;
    attempts[3]!.attempt = 2;
    attempts.push(row(4, 36, { status: 'retrying', answered: false }));
  },
  'one request of a stopped process that comes after its successor’s': (history) => late(history),
  'the repeat of what was in flight in a thread that ended': (history) => {
    killed(history);
    Object.assign(history.halts[0]!, { how: 'lost a thread', goesOnAt: 50 });
    for (const sent of history.requests) sent.sender = 'a1';
  },
  'the repeat of what was in flight when its process lost Postgres, and recorded by both': (history) => {
    stopped(history);
    history.halts[0]!.how = 'lost Postgres';
  },
};

test.each(Object.entries(fine))('it is silent about %s', (_, change) => {
  const history = goodHistory();
  change(history);
  expect(checkChaos(history).wrongs).toEqual([]);
});

const bad: Record<string, { change: (history: Good) => unknown; wrongs: string[] }> = {
  'a lost event': {
    change: ({ requests, attempts }) => [requests.pop(), attempts.pop()],
    wrongs: ['lost: steady-1: 4 was lost'],
  },
  'an acknowledged event that is not there': {
    change: ({ acknowledged }) => acknowledged.push('event-9'),
    wrongs: ['lost: the log: event-9 was acknowledged and is not there'],
  },
  'an event that is sent before the one in front of it is settled': {
    change: ({ requests }) => ([requests[2]!.status, requests[2]!.begunAt] = [503, 30]),
    wrongs: [
      'wrongly recorded: steady-1: event-3, attempt 1, is delivered and was not accepted',
      'disordered: steady-1: 4 is out of order: 3 was not settled',
      'lost: steady-1: 3 was lost',
    ],
  },
  'a duplicate without a reason': {
    change: ({ requests, attempts }) => [requests.push(request(4, 60)), attempts.push(row(4, 65))],
    wrongs: ['duplicated: steady-1: 4 is duplicated'],
  },
  'a repeat of what was recorded when its process was killed': {
    change: (history) => {
      history.halts.push({ how: 'killed', sender: 'a1', at: 50, goesOnAt: null });
      history.requests.push(request(4, 2_000, { sender: 'b1' }));
      history.attempts.push(row(4, 2_005));
    },
    wrongs: ['duplicated: steady-1: 4 is duplicated'],
  },
  'a repeat before the kill that could be its reason': {
    change: (history) => killed(history, 2_500),
    wrongs: ['duplicated: steady-1: 4 is duplicated'],
  },
  'a repeat for the kill of another process': {
    change: (history) => {
      killed(history);
      history.halts[0]!.sender = 'c1';
    },
    wrongs: ['duplicated: steady-1: 4 is duplicated', 'unrecorded: steady-1: event-4, attempt 1, is unrecorded'],
  },
  'a second repeat for one kill': {
    change: (history) => {
      killed(history);
      history.requests.push(request(4, 2_100, { sender: 'b1' }));
      history.attempts.push(row(4, 2_105));
    },
    wrongs: ['duplicated: steady-1: 4 is duplicated'],
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
    wrongs: ['duplicated: steady-1: 4 is duplicated'],
  },
  'a repeat of what was sent after the end of a thread': {
    change: (history) => {
      killed(history, 35);
      Object.assign(history.halts[0]!, { how: 'lost a thread', goesOnAt: 38 });
    },
    wrongs: ['duplicated: steady-1: 4 is duplicated', 'unrecorded: steady-1: event-4, attempt 1, is unrecorded'],
  },
  'a late request of a process that had only lost Postgres': {
    change: (history) => {
      late(history);
      history.halts[0]!.how = 'lost Postgres';
    },
    wrongs: ['duplicated: steady-1: 4 is duplicated'],
  },
  'requests that overlap': {
    change: ({ requests }) => (requests[2]!.endedAt = 41),
    wrongs: ['overlapping: steady-1: 4 overlaps 3'],
  },
  'a wrong signature': {
    change: ({ requests }) => (requests[0]!.signed = false),
    wrongs: ['wrongly signed: steady-1: 1 is wrongly signed'],
  },
  'another body': {
    change: ({ requests }) => (requests[0]!.bodySha = 'another'),
    wrongs: ['wrong body: steady-1: 1 has another body than its event'],
  },
  'an event that nobody published': {
    change: ({ events, acknowledged }) => [events.pop(), (acknowledged.length = 0)],
    wrongs: ['phantom: steady-1: 4 carries event-4, which is not in the log', 'phantom: steady-1: 4 was not for it'],
  },
  'a request to nobody': {
    change: ({ requests }) => requests.push(request(4, 90, { endpoint: 'nobody' })),
    wrongs: ['phantom: nobody: there is no such endpoint'],
  },
  'a request without its row': {
    change: ({ attempts }) => attempts.pop(),
    wrongs: ['unrecorded: steady-1: event-4, attempt 1, is unrecorded'],
  },
  'a request without its row, of a process that went on': {
    change: (history) => {
      stopped(history);
      history.attempts.pop();
    },
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
};

test.each(Object.entries(bad))('it sees %s', (_, { change, wrongs }) => {
  const history = goodHistory();
  change(history);
  expect(checkChaos(history).wrongs).toEqual(wrongs);
});

test('it counts what was in flight, what came twice and what came late', () => {
  const history = goodHistory();
  killed(history);
  expect(checkChaos(history)).toMatchObject({ inFlightAtHalts: 1, repeats: 1, late: 0 });
  const other = goodHistory();
  late(other);
  expect(checkChaos(other)).toMatchObject({ inFlightAtHalts: 0, repeats: 1, late: 1 });
});

test('it sees that more was unrecorded at a kill than may be', () => {
  const history = goodHistory(18);
  history.halts.push({ how: 'killed', sender: 'a1', at: 500, goesOnAt: null });
  history.attempts.length = 0;
  for (const { position } of history.events) {
    history.requests.push(request(position, 2_000 + position * 10, { sender: 'b1' }));
    history.attempts.push(row(position, 2_005 + position * 10));
  }
  expect(checkChaos(history).wrongs).toEqual(['unrecorded: steady-1: 18 requests of a1 were in flight (killed)']);
});

test('it measures the longest wait for an event that was there', () => {
  const history = goodHistory();
  Object.assign(history.requests[3]!, { begunAt: 530, endedAt: 531 });
  history.attempts[3]!.recordedAt = 535;
  expect(checkChaos(history).longestStall).toEqual({ ms: 530 - 39, endpoint: 'steady-1', position: 4, at: 530 });
});

test('it judges 200,000 deliveries in seconds', { timeout: 30_000 }, () => {
  const { events, requests, attempts, ...rest } = goodHistory(10_000);
  const endpoints = Array.from({ length: 20 }, (_, index) => `steady-${index + 1}`);
  const history = {
    ...rest,
    events,
    endpoints,
    requests: endpoints.flatMap((endpoint) => requests.map((one) => ({ ...one, endpoint }))),
    attempts: endpoints.flatMap((endpoint) => attempts.map((one) => ({ ...one, endpoint }))),
  };
  const startedAt = performance.now();
  expect(checkChaos(history).wrongs).toEqual([]);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
