import { expect, test } from 'vitest';
import { startHeartbeat } from '../../src/operations/heartbeat.ts';
import { eventually } from '../support/eventually.ts';

test('it tells the head again and again, says once that Postgres is away and once that it is back', async () => {
  const answers = [3, null, null, 5];
  const heads: number[] = [];
  const lines: string[] = [];
  let asked = 0;
  await using _ = startHeartbeat({
    async head() {
      asked += 1;
      const answer = answers.shift();
      if (answer === null) throw new Error('connect ECONNREFUSED somebody@10.0.0.1');
      return answer ?? 5;
    },
    onHead: (position) => heads.push(position),
    log: {
      warn: (line: string) => lines.push(`warn ${line}`),
      info: (line: string) => lines.push(`info ${line}`),
    } as never,
  });
  await eventually(() => heads.length === 2, { withinMs: 6_000 });
  expect({ heads, asked }).toEqual({ heads: [3, 5], asked: 4 });
  expect(lines).toEqual([expect.stringMatching(/^warn Postgres/), expect.stringMatching(/^info Postgres/)]);
  expect(lines.join()).not.toContain('10.0.0.1');
});

test('its end does not wait for the next second', async () => {
  const heads: number[] = [];
  const heartbeat = startHeartbeat({
    head: () => Promise.resolve(1),
    onHead: (position) => heads.push(position),
    log: { warn() {}, info() {} } as never,
  });
  await eventually(() => heads.length === 1);
  const startedAt = performance.now();
  await heartbeat[Symbol.asyncDispose]();
  expect(performance.now() - startedAt).toBeLessThan(500);
});
