// A receiver on a raw socket that misbehaves once, as a script says, and serves well before and after.

import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';
import { gzipSync } from 'node:zlib';
import type { Certificate } from '../support/certificate.ts';

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
   * `request`: once the request is whole, in place of an answer. `accept`: on its first connection, whatever comes.
   * `idle`: on a connection that has served a request, before the next.
   */
  when: 'request' | 'accept' | 'idle';
  steps: readonly Step[];
  /** Reads nothing of what comes on the connection on which it runs. */
  deaf?: boolean;
  /** On every connection that it accepts, and nothing is ever served; not on the first alone. */
  everywhere?: boolean;
};

export type ScriptedReceiver = AsyncDisposable & {
  url: string;
  /** Request lines, of all connections. */
  requests: string[];
  connections: () => number;
  /** Resolves once the script has run to its end. */
  played: Promise<void>;
  /** Resolves once every connection so far has closed; a deaf one begins to read for it. */
  allClosed: () => Promise<void>;
};

const good = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** Serves `servedBefore` requests, plays the script, and serves all that come later; bodies tell which it was. */
export async function openScriptedReceiver({
  script,
  servedBefore = 0,
  tls,
}: {
  script: Script;
  servedBefore?: number;
  tls?: Certificate;
}): Promise<ScriptedReceiver> {
  const { when, everywhere = false } = script;
  const secureContext = tls && createSecureContext(tls);
  const requests: string[] = [];
  const closings: Promise<unknown>[] = [];
  const end = Promise.withResolvers<void>();
  const open = new Set<Socket>();
  const deaf: Socket[] = [];

  const play = async (stream: Socket, raw: Socket) => {
    for (const step of script.steps) await take(step, stream, raw);
    end.resolve();
  };
  // What is written goes out at once, not with the sender's next packet.
  const server = createServer({ noDelay: true }, (raw) => {
    open.add(raw);
    closings.push(closed(raw).then(() => open.delete(raw)));
    raw.on('error', () => {});
    const stream: Socket = secureContext ? new TLSSocket(raw, { isServer: true, secureContext }) : raw;
    stream.on('error', () => {});
    const played = everywhere || closings.length === 1;
    if (when === 'accept' && played) void play(stream, raw);
    if (script.deaf && played) {
      deaf.push(stream.pause());
      return;
    }
    onEachRequest(stream, (line) => {
      const index = requests.push(line) - 1;
      if (when === 'accept' && played && (everywhere || index === 0)) return;
      if (when === 'request' && index === servedBefore) {
        void play(stream, raw);
        return;
      }
      stream.write(good(index < servedBefore ? 'before' : 'next'));
      if (when === 'idle' && index === servedBefore - 1) void play(stream, raw);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    requests,
    connections: () => closings.length,
    played: end.promise,
    async allClosed() {
      for (const stream of deaf) stream.resume();
      await Promise.all(closings);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
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
  await closed(raw);
  clearInterval(timer);
}

/** Resolves also when the connection has gone. */
function written(stream: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(bytes, () => resolve()));
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function onEachRequest(stream: Socket, onRequest: (line: string) => void): void {
  let pending = '';
  stream.on('data', (chunk) => {
    // One character a byte, so that lengths are content-length's.
    pending += chunk.toString('latin1');
    for (;;) {
      const end = pending.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(pending)?.[1] ?? 0);
      if (end < 0 || pending.length < end + 4 + length) return;
      const [line = ''] = pending.split('\r\n', 1);
      pending = pending.slice(end + 4 + length);
      onRequest(line);
    }
  });
}
