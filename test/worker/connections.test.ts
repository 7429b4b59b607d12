import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { eventually } from '../support/eventually.ts';
import { openReceiver, openScriptedReceiver } from '../support/receiver/receiver.ts';
import { goodAnswer, silent } from '../support/receiver/script.ts';

test('deliveries one after another share one connection', async () => {
  await using endpoint = await openReceiver({ reply: () => ({ body: 'x'.repeat(10_000) }) });
  await using connections = openConnections();
  for (let index = 0; index < 300; index += 1) {
    expect((await deliver(connections, attemptAt(endpoint.url))).verdict).toBe('delivered');
  }
  expect(endpoint.connections()).toBe(1);
  expect(endpoint.received).toHaveLength(300);
});

test('another path of the same origin keeps the connection; another origin gets a new one and ends the old', async () => {
  await using first = await openReceiver();
  await using second = await openReceiver();
  await using connections = openConnections();
  await deliver(connections, attemptAt(first.url));
  await deliver(connections, attemptAt(`${first.url}/other?a=b`));
  expect(first.received.map(({ path }) => path)).toEqual(['/hook', '/hook/other?a=b']);
  expect(first.connections()).toBe(1);
  await deliver(connections, attemptAt(second.url));
  await first.allClosed();
  expect(second.received).toHaveLength(1);
});

test('a request under way ends although its endpoint moved, or was forgotten for others', async () => {
  const release = Promise.withResolvers<object>();
  await using slow = await openReceiver({ reply: () => release.promise });
  await using other = await openReceiver();
  await using connections = openConnections({}, 1);
  const moved = deliver(connections, attemptAt(slow.url));
  await eventually(() => slow.received.length === 1);
  expect((await deliver(connections, attemptAt(other.url))).verdict).toBe('delivered');
  const forgotten = deliver(connections, attemptAt(slow.url, { id: 'billing' }));
  await eventually(() => slow.received.length === 2);
  expect((await deliver(connections, attemptAt(other.url))).verdict).toBe('delivered');
  release.resolve({});
  expect([(await moved).verdict, (await forgotten).verdict]).toEqual(['delivered', 'delivered']);
  expect(other.connections()).toBe(2);
});

test('a connection that the endpoint closed while it was idle costs no attempt', async () => {
  await using endpoint = await openScriptedReceiver({
    script: { when: 'request', everywhere: true, steps: [{ write: goodAnswer() }, 'end'] },
  });
  await using connections = openConnections();
  for (let count = 1; count <= 5; count += 1) {
    expect((await deliver(connections, attemptAt(endpoint.url))).verdict).toBe('delivered');
    await endpoint.allClosed();
  }
  expect(endpoint.received).toHaveLength(5);
});

test('an answer sent ahead of its request delivers nothing', async () => {
  await using endpoint = await openScriptedReceiver({
    script: {
      when: 'request',
      everywhere: true,
      steps: (index) => (index === 0 ? [{ write: goodAnswer(), times: 2 }] : []),
    },
  });
  await using connections = openConnections();
  expect((await deliver(connections, attemptAt(endpoint.url))).verdict).toBe('delivered');
  const next = await deliver(connections, attemptAt(endpoint.url, { timeoutMs: 300 }));
  expect(next).toMatchObject({ verdict: 'failed', errorMessage: expect.stringMatching(/^(timeout|reset|protocol): /) });
});

test('an attempt that ran out of time while connecting sends nothing later, and leaves no socket', async () => {
  const socket = new Socket();
  await using connections = openConnections({ dial: () => () => socket });
  const answer = await deliver(connections, attemptAt('http://127.0.0.1:1/', { timeoutMs: 50 }));
  expect(answer.errorMessage).toBe('timeout: no connection within 50 ms');
  await eventually(() => socket.destroyed);
});

test('an attempt that ran out of time while its name was resolved never dials', async () => {
  const resolved = Promise.withResolvers<{ address: string; family: number }[]>();
  let dials = 0;
  await using connections = openConnections({
    resolve: () => resolved.promise,
    dial: () => () => {
      dials += 1;
      return new Socket();
    },
  });
  const answer = await deliver(connections, attemptAt('http://slow.test/', { timeoutMs: 50 }));
  expect(answer.errorMessage).toBe('timeout: no connection within 50 ms');
  resolved.resolve([{ address: '127.0.0.1', family: 4 }]);
  await resolved.promise;
  await new Promise((resolve) => setImmediate(resolve));
  expect(dials).toBe(0);
});

test('an attempt that ran out of time behind another one sends no byte and does not disturb it', async () => {
  const release = Promise.withResolvers<object>();
  await using endpoint = await openReceiver({ reply: (_, index) => (index === 0 ? release.promise : {}) });
  await using connections = openConnections();
  const first = deliver(connections, attemptAt(endpoint.url));
  await eventually(() => endpoint.received.length === 1);
  const second = await deliver(connections, attemptAt(endpoint.url, { timeoutMs: 50 }));
  expect(second.errorMessage).toBe('timeout: no connection within 50 ms');
  release.resolve({});
  expect((await first).verdict).toBe('delivered');
  const third = await deliver(connections, attemptAt(endpoint.url, {}, '"third"'));
  expect(third.verdict).toBe('delivered');
  expect(endpoint.received.map(({ body }) => body)).toEqual(['{"data":{}}', '"third"']);
});

test('a deadline below a second is kept, and after it the next attempt starts afresh', async () => {
  await using endpoint = await openReceiver({ reply: (_, index) => (index === 0 ? new Promise<never>(() => {}) : {}) });
  await using connections = openConnections();
  const answer = await deliver(connections, attemptAt(endpoint.url, { timeoutMs: 60 }));
  expect(answer).toMatchObject({ verdict: 'failed', errorMessage: 'timeout: no answer within 60 ms' });
  // undici's own time-outs need a second for this.
  expect(answer.latencyMs).toBeGreaterThan(55);
  expect(answer.latencyMs).toBeLessThan(700);
  expect((await deliver(connections, attemptAt(endpoint.url))).verdict).toBe('delivered');
  expect(endpoint.connections()).toBe(2);
});

test('an answer that waits in the socket while the process stalls is taken, not timed out', async () => {
  await using endpoint = await openReceiver({
    reply: () => {
      // Receiver and sender share this thread, so both wait here, beyond the deadline.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      return {};
    },
  });
  await using connections = openConnections();
  expect((await deliver(connections, attemptAt(endpoint.url, { timeoutMs: 100 }))).verdict).toBe('delivered');
});

test('closing all ends what is under way, and the endpoint sees every connection end', async () => {
  await using endpoint = await openScriptedReceiver({ script: silent });
  const connections = openConnections();
  const attempts = ['a', 'b', 'c'].map((id) => deliver(connections, attemptAt(endpoint.url, { id })));
  await eventually(() => endpoint.received.length === 3);
  await connections[Symbol.asyncDispose]();
  for (const answer of await Promise.all(attempts)) {
    expect(answer).toMatchObject({ verdict: 'failed', errorMessage: 'reset: the connection was closed on our side' });
  }
  await endpoint.allClosed();
});
