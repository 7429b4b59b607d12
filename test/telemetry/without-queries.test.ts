import { pino } from 'pino';
import { expect, test } from 'vitest';
import { withoutQueries } from '../../src/telemetry/without-queries.ts';

/** As the log has it. */
function logged(error: unknown): { type: string; message: string; stack: string } & Record<string, unknown> {
  let line = '';
  pino({}, { write: (text: string) => (line += text) }).error({ err: withoutQueries(error) });
  return (JSON.parse(line) as { err: ReturnType<typeof logged> }).err;
}

test('an error is logged with type, stack and causes, without the queries of addresses', () => {
  const cause = new RangeError('no answer from "https://a.example/b?code=secret&c=d"');
  const error = Object.assign(new TypeError('GET /b?code=secret failed', { cause }), { url: '/b?code=secret' });
  const { type, message, stack, ...more } = logged(error);
  expect([type, message, more]).toEqual([
    'TypeError',
    'GET /b?… failed: no answer from "https://a.example/b?…"',
    expect.not.objectContaining({ url: expect.anything() as unknown }),
  ]);
  expect(stack).toContain('TypeError: GET /b?… failed');
  expect(stack).toContain('without-queries.test.ts');
  expect(stack).toContain('caused by: RangeError: no answer from "https://a.example/b?…"');
  expect(JSON.stringify(logged(error))).not.toContain('secret');
});

test('a thrown value that is no error is logged as its text', () => {
  expect(logged('/b?code=secret').message).toBe('/b?…');
  expect(logged(undefined).message).toBe('undefined');
});

test('a million question marks take no time', () => {
  const begin = performance.now();
  logged(new Error('?'.repeat(1_000_000)));
  logged(new Error('? '.repeat(500_000)));
  expect(performance.now() - begin).toBeLessThan(1_000);
});
