// A collector of traces that takes requests and never answers.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { type Collector, openCollector } from '../support/collector.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';

const events = 2_000;
let collector: Collector;
let stage: Stage;

beforeAll(async () => {
  collector = await openCollector({ status: null });
  stage = await openStage({
    environment: {
      VALKEY_URL: inject('valkeyUrl'),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '1',
      OTEL_BSP_MAX_QUEUE_SIZE: '512',
    },
  });
  await stage.place.configure([stage.endpoint('crm')]);
  await stage.start();
});
afterAll(async () => {
  for (const part of [stage, collector]) await part[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

test('it delays no delivery, and the end by little; what is lost is said', async () => {
  const acknowledged = await actAsAdmin(stage).publish('first.one');
  await eventually(() => collector.exports.length > 0, { saying: 'an export' });
  for (let batch = 0; batch < 2; batch += 1) {
    const types = Array.from({ length: events / 2 }, (_, index) => `order.n${index}`);
    acknowledged.push(...(await actAsAdmin(stage).publish(...types)));
  }
  expect(await stage.judge({ endpoints: ['crm'], acknowledged, crashes: 0 })).toEqual([]);
  // The first export waits for an answer for 10 s, and the others for it.
  expect(collector.exports.reduce((sum, { spans }) => sum + spans, 0)).toBeLessThan(events);

  const stopAt = performance.now();
  expect(await stage.service().stop()).toBe(0);
  expect(performance.now() - stopAt).toBeLessThan(8_000);
  const warnings = stage.service().lines.filter(({ level }) => level === 'warn');
  expect(warnings.map(({ msg }) => msg)).toContain('spans were lost: the collector did not take them');
  expect(warnings.map(({ msg }) => msg)).toContain('the collector has not taken the last spans in time');
});
