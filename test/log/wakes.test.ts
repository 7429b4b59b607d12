import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type WakeKind, openWakes } from '../../src/log/wakes.ts';
import { eventually } from '../support/eventually.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { openValkeyServer } from '../support/valkey-server.ts';

/** An instance's wakes; `heard` holds what came. */
function open(
  prefix: string,
  { url = inject('valkeyUrl'), from = randomUUID() }: { url?: string; from?: string } = {},
) {
  const heard: WakeKind[] = [];
  const wakes = openWakes({ url, prefix, from });
  for (const kind of ['relay', 'change'] as const) wakes.onWake(kind, () => heard.push(kind));
  onTestFinished(() => wakes[Symbol.asyncDispose]());
  return { ...wakes, heard };
}

const newPrefix = () => `tidings:test:${randomUUID()}`;

type Opened = ReturnType<typeof open>;

/** Tells until it is heard: nothing is queued for who has not connected yet. */
async function tellUntilHeard(from: Opened, to: Opened, kind: WakeKind): Promise<void> {
  const before = to.heard.length;
  await eventually(() => {
    from.wakeOthers(kind);
    return to.heard.slice(before).includes(kind);
  });
}

test('what one tells, all others of its installation hear, and it does not hear itself', async () => {
  const prefix = newPrefix();
  const [one, two, three, stranger] = [open(prefix), open(prefix), open(prefix), open(newPrefix())];
  await tellUntilHeard(one, two, 'relay');
  await tellUntilHeard(one, three, 'relay');
  await tellUntilHeard(three, one, 'change');
  await tellUntilHeard(three, two, 'change');
  expect(new Set(one.heard)).toEqual(new Set(['change']));
  expect(three.heard).not.toContain('change');
  expect(stranger.heard).toEqual([]);
});

test('of many words at a time some are made one, and the last one is told after all of them', async () => {
  const prefix = newPrefix();
  const [one, two] = [open(prefix), open(prefix)];
  await tellUntilHeard(one, two, 'change');
  await tellUntilHeard(one, two, 'relay');
  const before = two.heard.length;
  for (let n = 0; n < 1_000; n += 1) one.wakeOthers('relay');
  await tellUntilHeard(one, two, 'change');
  const relays = two.heard.slice(before).filter((kind) => kind === 'relay').length;
  expect(relays).toBeGreaterThanOrEqual(1);
  expect(relays).toBeLessThan(20);
});

test('while Valkey is away telling does nothing and fails nothing, and after its return all hear each other again', async () => {
  await using server = await openValkeyServer();
  await server.start();
  const prefix = newPrefix();
  const [one, two] = [open(prefix, { url: server.url }), open(prefix, { url: server.url })];
  await tellUntilHeard(one, two, 'change');
  await server.kill();
  for (let n = 0; n < 10; n += 1) one.wakeOthers('change');
  await server.lose();
  await server.start();
  await tellUntilHeard(one, two, 'change');
  await tellUntilHeard(two, one, 'relay');
});

test('one whose connection the network forgot while nobody told anything hears again within seconds, by another', async () => {
  await using proxy = await openTcpProxy(inject('valkeyUrl'));
  const prefix = newPrefix();
  const [one, two] = [open(prefix), open(prefix, { url: proxy.url })];
  await tellUntilHeard(one, two, 'change');
  proxy.blackhole(true);
  await eventually(() => {
    one.wakeOthers('relay');
    return proxy.forgotten() > 0;
  });
  proxy.blackhole(false);
  const connections = proxy.open();
  // It has nothing on its way, so only that it looks by itself can show it.
  await tellUntilHeard(one, two, 'change');
  expect(proxy.open()).toBeGreaterThan(connections);
  await tellUntilHeard(two, one, 'relay');
});

test('closed, it tells nothing and hears nothing', async () => {
  const prefix = newPrefix();
  const [one, two, three] = [open(prefix), open(prefix), open(prefix)];
  await tellUntilHeard(one, two, 'relay');
  await tellUntilHeard(one, three, 'relay');
  await two[Symbol.asyncDispose]();
  const before = two.heard.length;
  two.wakeOthers('change');
  await tellUntilHeard(one, three, 'relay');
  expect(two.heard).toHaveLength(before);
  expect(three.heard).not.toContain('change');
});
