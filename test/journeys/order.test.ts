// The plain journey: many events to many endpoints, with nothing going wrong.

import { expect, test } from 'vitest';
import { deliverMany } from './many-events.ts';

test('150 events reach each of 20 endpoints once, in order, one at a time, signed, each attempt with its row', async () => {
  const requests = 3_000;
  expect(await deliverMany({ batches: 1, users: 25 })).toEqual({
    wrongs: [],
    events: 150,
    requests,
    attempts: requests,
    firstTime: requests,
  });
});
