// A log that nobody reads any more: deliveries go on, memory stays bounded, and the service ends as it should.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = ['crm', 'billing'];
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ environment: { SHUTDOWN_GRACE: '2s' } });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

test(
  'while nobody reads its log the service delivers as always, and SIGTERM ends it with 0',
  { timeout: 120_000 },
  async () => {
    const { read, ended, send } = stage.service();
    read(false);
    // Some 600 KB of lines, ten times what a pipe holds.
    const load = startLoad(stage.service, { batches: 50, size: 20 });
    await load.done;
    expect(await stage.judge({ endpoints, acknowledged: load.acknowledged, crashes: 0 })).toEqual([]);
    send('SIGTERM');
    expect(await ended).toBe(0);
  },
);
