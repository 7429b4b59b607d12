// Takes every connection that a Postgres has, by clients that stop before they say their password.

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { upstreamOf } from './server-address.ts';

/** More than a server of the tests has. */
const most = 250;

/** Resolves when the server says that there are too many. */
export async function hogConnections(url: string): Promise<Disposable> {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const hello = Buffer.alloc(8);
  hello.writeInt32BE(hello.length + parameters.length, 0);
  // Version 3.0 of the protocol.
  hello.writeInt32BE(196_608, 4);
  const sockets: Socket[] = [];
  const answers = Array.from({ length: most }, async () => {
    const socket = connect(upstreamOf(url)).on('error', () => {});
    sockets.push(socket);
    socket.write(Buffer.concat([hello, parameters]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString('latin1');
  });
  const release = () => sockets.forEach((socket) => socket.destroy());
  const isFull = (await Promise.all(answers)).some((answer) => answer.includes('too many clients'));
  if (!isFull) {
    release();
    throw new Error(`Postgres has more than ${most} connections.`);
  }
  return { [Symbol.dispose]: release };
}
