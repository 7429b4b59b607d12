import { Hono } from 'hono';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { limitBodies } from '../../src/api/body-limits.ts';

const mebibyte = 1024 * 1024;

/** An application that reads each body, and answers when it is told to. */
function openApp() {
  const held: (() => void)[] = [];
  const app = new Hono()
    .use(limitBodies({ log: pino({ level: 'silent' }), client: (c) => c.req.header('x-client') ?? 'one' }))
    .post('*', async (c) => {
      const { length } = await c.req.text();
      await new Promise<void>((resolve) => held.push(resolve));
      return c.text(String(length));
    });
  const send = async (bytes: number, { client = 'one', chunked = false, path = '/graphql' } = {}) => {
    const text = 'x'.repeat(bytes);
    const body = chunked ? new Blob([text]).stream() : text;
    const headers: Record<string, string> = chunked ? {} : { 'content-length': String(bytes) };
    const init = { method: 'POST', headers: { 'x-client': client, ...headers }, body, duplex: 'half' };
    const { status, headers: answered } = await app.request(path, init);
    return [status, answered.get('retry-after')];
  };
  return { send, held, release: () => held.splice(0).forEach((resolve) => resolve()) };
}

test.each([false, true])('one client has 8 MiB of bodies under way, and then again (chunked: %s)', async (chunked) => {
  const { send, held, release } = openApp();
  for (let round = 1; round <= 2; round += 1) {
    const some = Array.from({ length: 8 }, async () => await send(mebibyte, { chunked }));
    await expect.poll(() => held.length).toBe(8);
    expect(await send(1, { chunked })).toEqual([503, '1']);
    const others = [send(mebibyte, { client: 'other', chunked })];
    await expect.poll(() => held.length).toBe(9);
    release();
    expect(await Promise.all([...some, ...others])).toEqual(Array.from({ length: 9 }, () => [200, null]));
  }
});

test('all clients together have 32 MiB of bodies under way', async () => {
  const { send, held, release } = openApp();
  const some = Array.from({ length: 32 }, async (_, n) => await send(mebibyte, { client: `c${n % 4}` }));
  await expect.poll(() => held.length).toBe(32);
  expect(await send(1, { client: 'another' })).toEqual([503, '1']);
  release();
  await Promise.all(some);
  const again = send(1, { client: 'another' });
  await expect.poll(() => held.length).toBe(1);
  release();
  expect(await again).toEqual([200, null]);
});

test.each([false, true])('a body that is refused holds nothing (chunked: %s)', async (chunked) => {
  const { send, held, release } = openApp();
  for (let n = 0; n < 40; n += 1) expect(await send(mebibyte + 1, { chunked })).toEqual([413, null]);
  const some = Array.from({ length: 8 }, async () => await send(mebibyte, { chunked }));
  await expect.poll(() => held.length).toBe(8);
  release();
  await Promise.all(some);
});

test.each(['/account', '/oauth/google', '/elsewhere'])('a form to %s has at most 8 KiB', async (path) => {
  const { send, held, release } = openApp();
  for (const chunked of [false, true]) {
    expect(await send(8 * 1024 + 1, { path, chunked })).toEqual([413, null]);
    const fits = send(8 * 1024, { path, chunked });
    await expect.poll(() => held.length).toBe(1);
    release();
    expect(await fits).toEqual([200, null]);
  }
});

test('bodies whose ends come together are passed on in turns of the event loop', async () => {
  let atOnce = 0;
  let most = 0;
  const busyMs = 6;
  const app = new Hono().use(limitBodies({ log: pino({ level: 'silent' }), client: () => 'one' })).post('*', (c) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    setImmediate(() => (atOnce = 0));
    for (const until = performance.now() + busyMs; performance.now() < until;);
    return c.text('');
  });
  const ends: (() => void)[] = [];
  const answers = Array.from({ length: 20 }, async () => {
    const body = new ReadableStream({
      start(controller) {
        ends.push(() => {
          controller.enqueue(new Uint8Array(1));
          controller.close();
        });
      },
    });
    const init = { method: 'POST', body, duplex: 'half' };
    return await app.request('/account', init);
  });
  await expect.poll(() => ends.length).toBe(20);
  for (const end of ends) end();
  for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  expect(most).toBeLessThanOrEqual(3);
});
