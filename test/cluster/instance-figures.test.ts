import { expect, test } from 'vitest';
import { createInstanceFigures } from '../../src/cluster/instance-figures.ts';
import { driveDispatcher } from '../dispatch/hand-driven-dispatcher.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';
import { makeEndpoint } from '../support/endpoint.ts';

test('a backlog of which nothing was counted yet is not known, and one that was is', () => {
  const { dispatcher, publish, serve } = driveDispatcher();
  const paused = { ...emptyCursor, pauseReason: 'admin', countedTo: 1 } as const;
  publish('a.a');
  serve(makeEndpoint({ id: 'uncounted' }), { ...paused, backlogIsLowerBound: true });
  serve(makeEndpoint({ id: 'long' }), { ...paused, backlog: 7, backlogIsLowerBound: true });
  serve(makeEndpoint({ id: 'empty' }), paused);
  const figures = createInstanceFigures({
    instance: { dispatcher, held: () => [] },
    slots: { fast: 2, slow: 1 },
    oldest: { of: () => null, look() {} },
  });
  expect(figures.endpoints(0).map(({ id, backlog, oldestMs }) => ({ id, backlog, oldestMs }))).toEqual([
    { id: 'uncounted', backlog: null, oldestMs: null },
    { id: 'long', backlog: 7, oldestMs: null },
    { id: 'empty', backlog: 0, oldestMs: 0 },
  ]);
});
