import { expect, test } from 'vitest';
import { openStage } from '../support/stage.ts';
import { startLoad } from '../support/load.ts';
import { setTimeout as sleep } from 'node:timers/promises';
test('debug', { timeout: 60000 }, async () => {
  await using stage = await openStage({ ownServers: true, environment: { LOG_LEVEL: 'debug' } });
  await stage.place.configure(['a','b'].map((id) => stage.endpoint(id, { base_delay: '50ms' })));
  await stage.start();
  const load = startLoad(stage.service, { batches: 2, size: 20 });
  await sleep(5000);
  console.log(load.acknowledged.length, stage.receiver.journal.length);
  console.log(stage.service().lines.map((l) => JSON.stringify(l)).join('\n'), stage.service().stderr());
  console.log(await stage.query('select * from webhook_cursors'), await stage.query('select count(*), max(position) from webhook_events'));
  console.log((await stage.attempts()).slice(0,3));
  expect(1).toBe(1);
});
