import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type WakeKind, openWakes } from '../../src/log/wakes.ts';
import { eventually } from '../support/eventually.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { openValkeyServer } from '../support/valkey-server.ts';

/** An instance's wakes; `received` holds what came. */
function open(
  prefix: string,
  { url = inject('valkeyUrl'), from = randomUUID() }: { url?: string; from?: string } = {},
) {
  const received: WakeKind[] = [];
  const wakes = openWakes({ url, prefix, from });
  for (const kind of ['relay', 'change'] as const) wakes.onWake(kind, () => received.push(kind));
  onTestFinished(() => wakes[Symbol.asyncDispose]());
  return { ...wakes, received };
}

const newPrefix = () => `tidings:test:${randomUUID()}`;

type Opened = ReturnType<typeof open>;

/** Wakes until it is received: nothing is queued for who has not connected yet. */
async function wakeUntilReceived(from: Opened, to: Opened, kind: WakeKind): Promise<void> {
  const before = to.received.length;
  await eventually(() => {
    from.wakeOthers(kind);
    return to.received.slice(before).includes(kind);
  });
}

test('a wake reaches all other instances of its installation, and never the one that sent it', async () => {
  const prefix = newPrefix();
  const [one, two, three, stranger] = [open(prefix), open(prefix), open(prefix), open(newPrefix())];
  await wakeUntilReceived(one, two, 'relay');
  await wakeUntilReceived(one, three, 'relay');
  await wakeUntilReceived(three, one, 'change');
  await wakeUntilReceived(three, two, 'change');
  expect(new Set(one.received)).toEqual(new Set(['change']));
  expect(three.received).not.toContain('change');
  expect(stranger.received).toEqual([]);
});

test('many wakes at a time become fewer, and the last one comes after all of them', async () => {
  const prefix = newPrefix();
  const [one, two] = [open(prefix), open(prefix)];
  await wakeUntilReceived(one, two, 'change');
  await wakeUntilReceived(one, two, 'relay');
  const before = two.received.length;
  for (let n = 0; n < 1_000; n += 1) one.wakeOthers('relay');
  await wakeUntilReceived(one, two, 'change');
  const relays = two.received.slice(before).filter((kind) => kind === 'relay').length;
  expect(relays).toBeGreaterThanOrEqual(1);
  expect(relays).toBeLessThan(20);
});

test('while Valkey is away a wake does nothing and fails nothing, and after its return wakes reach all again', async () => {
  await using server = await openValkeyServer();
  await server.start();
  const prefix = newPrefix();
  const [one, two] = [open(prefix, { url: server.url }), open(prefix, { url: server.url })];
  await wakeUntilReceived(one, two, 'change');
  await server.kill();
  for (let n = 0; n < 10; n += 1) one.wakeOthers('change');
  await server.lose();
  await server.start();
  await wakeUntilReceived(one, two, 'change');
  await wakeUntilReceived(two, one, 'relay');
});

test('an instance whose quiet connection the network forgot gets wakes again within seconds, by another connection', async () => {
  await using proxy = await openTcpProxy(inject('valkeyUrl'));
  const prefix = newPrefix();
  const [one, two] = [open(prefix), open(prefix, { url: proxy.url })];
  await wakeUntilReceived(one, two, 'change');
  proxy.blackhole(true);
  await eventually(() => {
    one.wakeOthers('relay');
    return proxy.forgotten() > 0;
  });
  proxy.blackhole(false);
  const connections = proxy.open();
  // It has nothing on its way, so only that it looks by itself can show it.
  await wakeUntilReceived(one, two, 'change');
  expect(proxy.open()).toBeGreaterThan(connections);
  await wakeUntilReceived(two, one, 'relay');
});

test('closed wakes send nothing and get nothing', async () => {
  const prefix = newPrefix();
  const [one, two, three] = [open(prefix), open(prefix), open(prefix)];
  await wakeUntilReceived(one, two, 'relay');
  await wakeUntilReceived(one, three, 'relay');
  await two[Symbol.asyncDispose]();
  const before = two.received.length;
  two.wakeOthers('change');
  await wakeUntilReceived(one, three, 'relay');
  expect(two.received).toHaveLength(before);
  expect(three.received).not.toContain('change');
});
