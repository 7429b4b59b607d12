// The plain journey: many events to many endpoints, with nothing going wrong.

import { expect, test } from 'vitest';
import { deliverMany } from './many-events.ts';

test('1,000 events reach each of 20 endpoints once, in order, one at a time, signed, each attempt with its row', async () => {
  const requests = 20_000;
  expect(await deliverMany({ batches: 8, users: 100 })).toEqual({
    wrongs: [],
    events: 1_000,
    requests,
    attempts: requests,
    firstTime: requests,
  });
});
