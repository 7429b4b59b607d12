// A script of what a receiver does on its raw sockets: it misbehaves once or always, and serves well before and after.

import { type Socket, createServer } from 'node:net';
import { type SecureContextOptions, TLSSocket, createSecureContext } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { type RawRequest, onEachRequest } from './raw-requests.ts';

/** What it does next on the connection: text is Latin-1; `drip` and `flood` go on until the connection ends. */
export type Step =
  | 'end'
  | 'close'
  | 'reset'
  | { write: string; times?: number }
  | { gzip: number }
  | { drip: string; everyMs: number }
  | { flood: string };

export type Script = {
  /**
   * `request`: once a request is whole, in place of an answer. `accept`: on its first connection, whatever comes.
   * `idle`: on a connection that has served a request, before the next.
   */
  when: 'request' | 'accept' | 'idle';
  /** By the request's index, from 0, where they are not always the same. */
  steps: readonly Step[] | ((index: number) => readonly Step[]);
  /** Requests that are served before it is played. */
  servedBefore?: number;
  /** Reads nothing of what comes on the connection on which it runs. */
  deaf?: boolean;
  /** For every request, or on every connection, and nothing is served after it; not for the first alone. */
  everywhere?: boolean;
};

/** Takes every request, and never answers one. */
export const silent: Script = { when: 'request', everywhere: true, steps: [] };

/** An answer that is well, as it is on the wire. */
export function goodAnswer(body = ''): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** What it serves well tells in its body whether it was before the script or after. */
export function createScriptedServer(script: Script, tls?: SecureContextOptions) {
  const { when, servedBefore = 0, everywhere = false } = script;
  const secureContext = tls && createSecureContext(tls);
  const received: RawRequest[] = [];
  const end = Promise.withResolvers<void>();
  const deaf: Socket[] = [];
  let connections = 0;

  const play = async (stream: Socket, raw: Socket) => {
    const { steps } = script;
    for (const step of typeof steps === 'function' ? steps(received.length - 1) : steps) await take(step, stream, raw);
    end.resolve();
  };
  // What is written goes out at once, not with the sender's next packet.
  const server = createServer({ noDelay: true }, (raw) => {
    connections += 1;
    const stream: Socket = secureContext ? new TLSSocket(raw, { isServer: true, secureContext }) : raw;
    stream.on('error', () => {});
    const isPlayed = everywhere || connections === 1;
    if (when === 'accept' && isPlayed) void play(stream, raw);
    if (script.deaf && isPlayed) {
      deaf.push(stream.pause());
      return;
    }
    onEachRequest(stream, (request) => {
      const index = received.push({ index: received.length, ...request }) - 1;
      if (when === 'accept' && isPlayed && (everywhere || index === 0)) return;
      if (when === 'request' && (index === servedBefore || (everywhere && index > servedBefore))) {
        void play(stream, raw);
        return;
      }
      stream.write(goodAnswer(index < servedBefore ? 'before' : 'next'));
      if (when === 'idle' && index === servedBefore - 1) void play(stream, raw);
    });
  });
  return {
    server,
    received,
    played: end.promise,
    /** On connections on which it was deaf. */
    listenAgain() {
      for (const stream of deaf) stream.resume();
    },
  };
}

async function take(step: Step, stream: Socket, raw: Socket): Promise<void> {
  if (step === 'end') return void stream.end();
  if (step === 'close') return void raw.destroy();
  if (step === 'reset') return void raw.resetAndDestroy();
  if ('gzip' in step) return await written(stream, gzipSync(Buffer.alloc(step.gzip)));
  if ('write' in step) return await written(stream, Buffer.from(step.write.repeat(step.times ?? 1), 'latin1'));
  if ('flood' in step) {
    const piece = Buffer.from(step.flood.repeat(Math.ceil(65_536 / step.flood.length)), 'latin1');
    while (!stream.destroyed) await written(stream, piece);
    return;
  }
  const timer = setInterval(() => stream.write(step.drip), step.everyMs);
  await new Promise<void>((resolve) => raw.once('close', () => resolve()));
  clearInterval(timer);
}

/** Resolves also when the connection has gone. */
function written(stream: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(bytes, () => resolve()));
}
