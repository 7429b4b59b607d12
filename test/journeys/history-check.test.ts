// The judge itself: it is silent about a good history, and names what is wrong with each bad one.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type History, checkHistory } from '../support/history-check.ts';
import type { JournalEntry } from '../support/receiver/journal.ts';

/** Four events of which crm wants all but the second: it accepts the first, refuses the third once, and accepts it. */
function goodHistory() {
  const types = ['a.one', 'b.one', 'a.two', 'a.three'];
  const events = types.map((type, index) => ({ id: `event-${index + 1}`, position: index + 1, type, payload: type }));
  const requests = [request(1, 0), request(3, 1, { status: 503 }), request(3, 1, { attempt: 2 }), request(4, 3)];
  const attempts = requests.map(({ eventId, attempt, status }) => {
    return { eventId, endpoint: 'crm', attempt, status: status === 200 ? 'delivered' : 'retrying' };
  });
  return {
    events,
    endpoints: { crm: (type: string) => type.startsWith('a.') },
    requests,
    attempts,
    acknowledged: ['event-1'],
    crashes: 0,
  } satisfies History;

  function request(position: number, previous: number, given: Partial<JournalEntry> = {}): JournalEntry {
    return {
      number: position,
      endpoint: 'crm',
      eventId: `event-${position}`,
      position,
      previous,
      attempt: 1,
      bodySha: createHash('sha256')
        .update(types[position - 1]!)
        .digest('hex'),
      sender: null,
      signed: true,
      signedWith: 'a secret',
      begunAt: 0,
      endedAt: 0,
      status: 200,
      ...given,
    };
  }
}

type Good = ReturnType<typeof goodHistory>;

function after(change: (history: Good) => unknown): string[] {
  const history = goodHistory();
  change(history);
  return checkHistory(history);
}

test('it is silent about a good history', () => {
  expect(checkHistory(goodHistory())).toEqual([]);
});

const bad: Record<string, { change: (history: Good) => unknown; wrongs: string[] }> = {
  'a lost event': {
    change: ({ requests, attempts }) => [requests.pop(), attempts.pop()],
    wrongs: ['crm: 4 was lost'],
  },
  'an event that was refused and not given up': {
    change: ({ requests, attempts }) => {
      requests[3]!.status = 500;
      attempts[3]!.status = 'retrying';
    },
    wrongs: ['crm: 4 was lost'],
  },
  'an acknowledged event that is not stored': {
    change: ({ acknowledged }) => acknowledged.push('event-5'),
    wrongs: ['event-5 was acknowledged and is not in the log'],
  },
  'a gap in the log': {
    change: ({ events }) => events.splice(1, 1),
    wrongs: ['the log has a gap at event-3', 'the log has a gap at event-4'],
  },
  'an event sent before the one in front of it was settled': {
    change: ({ requests }) => requests.splice(2, 2, requests[3]!, requests[2]!),
    wrongs: ['crm: 4 is out of order: 3 was not settled'],
  },
  'a duplicate without a crash': {
    change: ({ requests }) => requests.push({ ...requests[3]! }),
    wrongs: ['crm: 4 is duplicated', 'crm: event-4, attempt 1, is unrecorded'],
  },
  'two runs of repeats after one crash': {
    change: (history) => {
      history.crashes = 1;
      history.requests.push({ ...history.requests[0]! }, { ...history.requests[3]! });
    },
    wrongs: ['crm: 4 is duplicated'],
  },
  'a repeat with another body': {
    change: (history) => {
      history.crashes = 1;
      history.requests.push({ ...history.requests[3]!, bodySha: 'another' });
    },
    wrongs: ['crm: 4 has another body than its event'],
  },
  'requests that overlap': {
    change: ({ requests }) => (requests[2]!.endedAt = 1),
    wrongs: ['crm: 4 overlaps another request'],
  },
  'a wrong signature': {
    change: ({ requests }) => (requests[0]!.signed = false),
    wrongs: ['crm: 1 is wrongly signed'],
  },
  'a request without its row': {
    change: ({ attempts }) => attempts.splice(1, 1),
    wrongs: ['crm: event-3, attempt 1, is unrecorded'],
  },
  'a row without its request': {
    change: ({ attempts }) => attempts.push({ ...attempts[3]!, attempt: 2 }),
    wrongs: ['crm: event-4, attempt 2, is recorded and was not received'],
  },
  'two rows for one request': {
    change: ({ attempts }) => attempts.push({ ...attempts[3]! }),
    wrongs: ['crm: event-4, attempt 1, is recorded again'],
  },
  'a row that says delivered of what was refused': {
    change: ({ attempts }) => (attempts[1]!.status = 'delivered'),
    wrongs: ['crm: event-3, attempt 1, is delivered and was not accepted'],
  },
  'a broken chain of previous positions': {
    change: ({ requests }) => (requests[3]!.previous = 1),
    wrongs: ['crm: 4 says that 1 was before it'],
  },
  'a wrong position': {
    change: ({ requests }) => (requests[3]!.position = 5),
    wrongs: ['crm: 5 names a wrong position, of 4'],
  },
  'an event that its endpoint did not subscribe': {
    change: (history) => (history.endpoints.crm = (type) => type === 'a.one' || type === 'a.two'),
    wrongs: ['crm: 4 was not for it'],
  },
};

for (const [name, { change, wrongs }] of Object.entries(bad)) {
  test(`it sees ${name}`, () => expect(after(change)).toEqual(wrongs));
}

test('it sees that a crash repeats more than what was in flight', () => {
  const history = longHistory(30);
  history.crashes = 1;
  history.requests.push(...history.requests.slice(12));
  expect(checkHistory(history)).toContain('crm: 13 is duplicated, 18 accepted events back');
});

test('it lets a crash repeat what was in flight, in its order', () => {
  const history = longHistory(30);
  history.crashes = 1;
  history.requests.push(...history.requests.slice(13));
  expect(checkHistory(history)).toEqual([]);
});

test('it takes an event as settled once its last attempt has failed, and not before', () => {
  const history = goodHistory();
  const [, first, second] = history.requests;
  second!.status = 500;
  history.attempts[2]!.status = 'failed';
  expect(checkHistory(history)).toEqual([]);
  history.requests.splice(1, 3, first!, history.requests[3]!, second!);
  expect(checkHistory(history)).toEqual(['crm: 4 is out of order: 3 was not settled']);
});

/** Each of `length` events is accepted at once. */
function longHistory(length: number): Good {
  const { requests, attempts } = goodHistory();
  const positions = Array.from({ length }, (_, index) => index + 1);
  return {
    events: positions.map((position) => ({ id: `event-${position}`, position, type: 'a.one', payload: 'a.one' })),
    endpoints: { crm: () => true },
    requests: positions.map((position) => {
      return { ...requests[0]!, eventId: `event-${position}`, position, previous: position - 1 };
    }),
    attempts: positions.map((position) => ({ ...attempts[0]!, eventId: `event-${position}` })),
    acknowledged: [],
    crashes: 0,
  };
}
