import { Socket, connect } from 'node:net';
import { expect, test } from 'vitest';
import type { Dial } from '../../src/egress/dial.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { openReceiver, openScriptedReceiver } from '../support/receiver/receiver.ts';
import { silent } from '../support/receiver/script.ts';
import { guardedAttempts } from './guarded-attempt.ts';

const publicV4 = '93.184.216.34';

test('a network that is allowed is reached, and its neighbours are not', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections({ allowedNetworks: ['127.0.0.1/32', '10.1.0.0/16'] });
  expect((await deliver(connections, attemptAt(endpoint.url))).verdict).toBe('delivered');
  const attempts = [
    ...(await guardedAttempts('http://127.0.0.2/', 1, () => [], { allowedNetworks: ['127.0.0.1/32'] })),
    ...(await guardedAttempts('http://10.2.0.1/', 1, () => [], { allowedNetworks: ['10.1.0.0/16'] })),
    ...(await guardedAttempts('http://10.1.2.3/', 1, () => [], { allowedNetworks: ['10.1.0.0/16'] })),
  ];
  expect(attempts.map(({ dialled }) => dialled.length)).toEqual([0, 0, 1]);
});

test('a peer that is not what was dialled is refused before the first byte', async () => {
  await using endpoint = await openScriptedReceiver({ script: silent });
  // Allowed is another address than the one the socket will have reached.
  const dial: Dial = () => connect(endpoint.port, '127.0.0.1');
  await using connections = openConnections({ allowedNetworks: [], dial: () => dial });
  for (const scheme of ['http', 'https']) {
    const answer = await deliver(connections, attemptAt(`${scheme}://${publicV4}/`));
    expect(answer.errorMessage).toMatch(/^egress refused: 127\.0\.0\.1 is not public/);
  }
  await endpoint.allClosed();
  expect(endpoint.bytesRead()).toBe(0);
});

test('a peer that disconnects as soon as it is connected is not a refusal', async () => {
  const socket = new Socket();
  await using connections = openConnections({ dial: () => () => socket });
  const attempt = deliver(connections, attemptAt(`https://${publicV4}/`));
  await new Promise((resolve) => setImmediate(resolve));
  // Reset between the handshake's end and the question for its address.
  expect(socket.remoteAddress).toBe(undefined);
  socket.emit('connect');
  expect((await attempt).errorMessage).toBe('connect: the connection was closed before it was ready');
});

test('a name that moves to a private address is refused at its next connection, and asked for once an attempt', async () => {
  await using endpoint = await openReceiver({ reply: () => ({ headers: { connection: 'close' } }) });
  const queries: string[] = [];
  await using connections = openConnections({
    resolve: async (hostname) => {
      queries.push(hostname);
      return [{ address: queries.length === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }];
    },
  });
  const url = `http://moving.test:${endpoint.port}/`;
  expect((await deliver(connections, attemptAt(url))).verdict).toBe('delivered');
  expect(queries).toHaveLength(1);
  expect((await deliver(connections, attemptAt(url))).errorMessage).toMatch(
    /^egress refused: 127\.0\.0\.2, an address of moving/,
  );
  expect(queries).toHaveLength(2);
  expect(endpoint.received).toHaveLength(1);
});
