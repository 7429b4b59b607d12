import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { traceSignIn } from '../../src/api/traced-sign-in.ts';
import { type NewSpan, type Traces, belowRequest } from '../../src/telemetry/traces.ts';

type Seen = NewSpan & { error: string | null };

/** Takes down each span at its end. */
function notedTraces(seen: Seen[]): Pick<Traces, 'begin'> {
  return {
    begin: (span) => ({
      traceparent: `below ${span.parent}`,
      end: ({ error = null } = {}) => void seen.push({ ...span, error }),
    }),
  };
}

test('what the end of a sign-in records is below it, and neither its code nor its state is in a span', async () => {
  const seen: Seen[] = [];
  const app = new Hono().use('/oauth/:provider/callback', traceSignIn(notedTraces(seen) as Traces));
  const record = { name: 'record', kind: 'producer', attributes: {} } as const;
  app.get('/oauth/:provider/callback', async (c) => {
    if (c.req.query('state') === 'a-used-one') return c.json({}, 400);
    return c.text(String(await belowRequest(record, (traceparent) => Promise.resolve(traceparent))));
  });
  const query = 'code=the-code&state=the-state';
  const answer = await app.request(`/oauth/google/callback?${query}`, { headers: { traceparent: 'the caller' } });
  expect(await answer.text()).toBe('below below the caller');
  await app.request('/oauth/google/callback?code=the-code&state=a-used-one');
  expect(seen.map(({ name, parent, error }) => [name, parent, error])).toEqual([
    ['record', 'below the caller', null],
    ['sign-in', 'the caller', null],
    ['sign-in', null, '400'],
  ]);
  expect(JSON.stringify(seen)).not.toMatch(/the-code|the-state|a-used-one/);
});
