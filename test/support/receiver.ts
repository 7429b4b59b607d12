// Receivers on real sockets: one that speaks HTTP, and one that does with its connection whatever a test wants.

import { once } from 'node:events';
import { type IncomingHttpHeaders, type RequestListener, createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, type Server, type Socket, createServer as createTcpServer } from 'node:net';
import { type TlsOptions, createServer as createTlsServer } from 'node:tls';

export type Received = {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Which connection it came on, from 1. */
  connection: number;
};

export type Reply = { status?: number; headers?: Record<string, string | string[]>; body?: string | Buffer };

export type HttpReceiver = AsyncDisposable & {
  url: string;
  port: number;
  received: Received[];
  /** Connections opened so far. */
  connections: () => number;
};

/** Answers each request with the reply made for it, by default an empty 200; a reply that never comes keeps it hanging. */
export async function openReceiver({
  reply = () => ({}),
  tls,
}: {
  /** `index` counts requests from 0. */
  reply?: (request: Received, index: number) => Reply | Promise<Reply>;
  tls?: TlsOptions;
} = {}): Promise<HttpReceiver> {
  const received: Received[] = [];
  const numbers = new WeakMap<Socket, number>();
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers, socket } = request;
      const entry = { path: url, headers, body: Buffer.concat(chunks).toString(), connection: numbers.get(socket)! };
      received.push(entry);
      void Promise.resolve(reply(entry, received.length - 1)).then(
        ({ status = 200, headers: more = {}, body = '' }) => {
          response.writeHead(status, more).end(body);
        },
      );
    });
  };
  const server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener);
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => numbers.set(socket, (connections += 1)));
  const { port, close } = await listen(server);
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}/hook`;
  return { url, port, received, connections: () => connections, [Symbol.asyncDispose]: close };
}

export type RawRequest = {
  /** From 0, over all connections. */
  index: number;
  head: string;
  body: string;
};

export type RawReceiver = AsyncDisposable & {
  url: string;
  port: number;
  received: RawRequest[];
  /** Every byte of every connection, as text. */
  bytes: () => string;
  connections: () => number;
  /** Resolves once every connection so far has closed. */
  allClosed: () => Promise<void>;
};

/** Hands over each connection as it opens and each request once it is whole, with the socket to answer on. */
export async function openRawReceiver({
  onConnection,
  onRequest,
  tls,
}: {
  onConnection?: (socket: Socket) => void;
  onRequest?: (socket: Socket, request: RawRequest) => void;
  tls?: TlsOptions;
}): Promise<RawReceiver> {
  const received: RawRequest[] = [];
  const closed: Promise<unknown>[] = [];
  let bytes = '';
  const serve = (socket: Socket) => {
    closed.push(new Promise((resolve) => socket.on('close', resolve)));
    socket.on('error', () => {});
    let pending = '';
    socket.on('data', (chunk) => {
      // One character a byte, so that lengths are content-length's.
      bytes += chunk.toString('latin1');
      pending += chunk.toString('latin1');
      for (;;) {
        const end = pending.indexOf('\r\n\r\n');
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(pending)?.[1] ?? 0);
        if (end < 0 || pending.length < end + 4 + length) return;
        const request = {
          index: received.length,
          head: pending.slice(0, end),
          body: pending.slice(end + 4, end + 4 + length),
        };
        pending = pending.slice(end + 4 + length);
        received.push(request);
        onRequest?.(socket, request);
      }
    });
    onConnection?.(socket);
  };
  const server = tls ? createTlsServer(tls, serve) : createTcpServer(serve);
  const { port, close } = await listen(server);
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/hook`,
    port,
    received,
    bytes: () => bytes,
    connections: () => closed.length,
    allClosed: async () => void (await Promise.all(closed)),
    [Symbol.asyncDispose]: close,
  };
}

async function listen(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A failed handshake or a reset is what some tests are about.
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
