// An HTTP server that answers each request with a reply, in plain or over TLS.

import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type SecureContextOptions, TLSSocket, type TlsOptions } from 'node:tls';
import { type Reply, sendAnswer } from './reply.ts';

export type Received = {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** The common name of the certificate that the other side showed, if it did. */
  client?: string;
};

export type ReplyingServerParts = {
  tls?: TlsOptions;
  /** For a request that is whole. */
  reply(request: Received): Reply | Promise<Reply>;
  /** Reads a request's body when it resolves; `index` counts the requests that have begun, from 0. */
  mayRead?(index: number): Promise<unknown> | undefined;
  /** Is told the status before the answer is on its way, or null when the connection broke without one; once a request. */
  ended?(request: Received, status: number | null): void;
};

export function createReplyingServer({ tls, reply, mayRead, ended }: ReplyingServerParts) {
  let begun = 0;

  async function answer(request: Received, response: ServerResponse): Promise<void> {
    let isOpen = true;
    const end = (status: number | null) => {
      if (isOpen) ended?.(request, status);
      isOpen = false;
    };
    response.on('close', () => end(null));
    const given = await reply(request);
    if (!isOpen || given === 'never') return;
    if (given === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    // Before the answer is on its way: the next request may follow it at once.
    end(given.status ?? 200);
    sendAnswer(response, given);
  }

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    begun += 1;
    if (mayRead) await mayRead(begun - 1);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      void answer({ path, headers, body: Buffer.concat(chunks).toString(), ...clientOf(request) }, response);
    });
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse) => void take(request, response);
  const secure = tls && createTlsServer(tls, onRequest);
  const server = secure ?? createServer(onRequest);
  // Idle connections are the sender's to close.
  server.keepAliveTimeout = 0;
  return {
    server,
    /** For the connections to come. */
    setCertificate: (certificate: SecureContextOptions) => secure?.setSecureContext(certificate),
  };
}

function clientOf({ socket }: IncomingMessage): Pick<Received, 'client'> {
  const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
  return name === undefined ? {} : { client: String(name) };
}
