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
    .post('/', async (c) => {
      const { length } = await c.req.text();
      await new Promise<void>((resolve) => held.push(resolve));
      return c.text(String(length));
    });
  const send = async (bytes: number, { client = 'one', chunked = false } = {}) => {
    const text = 'x'.repeat(bytes);
    const body = chunked ? new Blob([text]).stream() : text;
    const headers: Record<string, string> = chunked ? {} : { 'content-length': String(bytes) };
    const init = { method: 'POST', headers: { 'x-client': client, ...headers }, body, duplex: 'half' };
    const { status, headers: answered } = await app.request('/', init);
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
