// Stands between clients and a server, and breaks their connections in the ways a network can.

import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { throughTcp, upstreamOf } from './server-address.ts';

export type TcpProxy = AsyncDisposable & {
  /** The server's URL with the proxy's port. */
  url: string;
  /** Where new connections go to. */
  aim(target: string): void;
  /** Each chunk of bytes is held up by this much, either way. */
  latencyMs: number;
  /** Connections that stand. */
  open(): number;
  /** Connections that lost bytes in a blackhole, those that were closed since included. */
  forgotten(): number;
  /**
   * While it is on, every byte is swallowed. A connection that lost some is dead from then on, and neither side is told:
   * so it is after a router forgot it.
   */
  blackhole(on: boolean): void;
  /** Ends what such a loss has left behind: a server goes on to count the connections of clients that are long gone. */
  dropDead(): void;
  /** Passes on the next requests that match and drops their connections instead of the answers. */
  loseAnswers(loss: { to: RegExp; from?: RegExp; times?: number }): Loss;
  /** Drops every connection: by a FIN, or by a RST. */
  cut(how?: 'end' | 'reset'): void;
  /** Refuses whoever connects, and drops who is connected, until `rise`. */
  fall(): Promise<void>;
  rise(): Promise<void>;
};

/** How many answers were lost by now. */
export type Loss = { readonly count: number; stop(): void };

type Pair = {
  client: Socket;
  upstream: Socket;
  greeting: string;
  answerIsLost: boolean;
  dead: boolean;
  sendAt: number;
};
type Rule = { to: RegExp; from?: RegExp; left: number; lost: number };

/** `from` of a rule is looked for in what a client says first: Postgres hears the name of the application there. */
const greetingBytes = 1_024;

export async function openTcpProxy(target: string): Promise<TcpProxy> {
  let behind = upstreamOf(target);
  const pairs = new Set<Pair>();
  let rules: Rule[] = [];
  let swallows = false;

  function serve(client: Socket): void {
    const upstream = connect(behind);
    const pair = { client, upstream, greeting: '', answerIsLost: false, dead: false, sendAt: 0 };
    pairs.add(pair);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        if (pair.dead) return;
        pairs.delete(pair);
        for (const each of [client, upstream]) each.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (pair.greeting.length < greetingBytes) pair.greeting += chunk.toString('latin1');
      if (swallowed(pair)) return;
      const rule = rules.find(
        ({ to, from, left }) => left > 0 && to.test(chunk.toString('latin1')) && (from?.test(pair.greeting) ?? true),
      );
      if (rule && !pair.answerIsLost) {
        rule.left -= 1;
        rule.lost += 1;
        pair.answerIsLost = true;
      }
      pass(pair, upstream, chunk);
    });
    upstream.on('data', (chunk) => {
      if (swallowed(pair)) return;
      if (pair.answerIsLost) client.resetAndDestroy();
      else pass(pair, client, chunk);
    });
  }

  function swallowed(pair: Pair): boolean {
    pair.dead ||= swallows;
    return pair.dead;
  }

  function pass(pair: Pair, to: Socket, chunk: Buffer): void {
    // Never before what came earlier, also when the latency shrinks.
    pair.sendAt = Math.max(pair.sendAt, performance.now() + proxy.latencyMs);
    const waitMs = pair.sendAt - performance.now();
    if (waitMs <= 0) to.write(chunk);
    else setTimeout(() => to.destroyed || to.write(chunk), waitMs);
  }

  function drop(how: 'end' | 'reset', which: (pair: Pair) => boolean = () => true): void {
    for (const pair of [...pairs].filter(which)) {
      pair.upstream.destroy();
      if (how === 'reset') pair.client.resetAndDestroy();
      else pair.client.destroy();
      pairs.delete(pair);
    }
  }

  let server: Server | null = null;
  async function listen(at: number): Promise<void> {
    server = createServer(serve).listen(at, '127.0.0.1');
    await once(server, 'listening');
  }

  await listen(0);
  const own = (server!.address() as AddressInfo).port;
  const proxy: TcpProxy = {
    url: throughTcp(target, own),
    latencyMs: 0,
    open: () => pairs.size,
    forgotten: () => [...pairs].filter(({ dead }) => dead).length,
    aim(next) {
      behind = upstreamOf(next);
    },
    blackhole(on) {
      swallows = on;
    },
    dropDead: () => drop('reset', ({ dead }) => dead),
    loseAnswers({ to, from, times = Infinity }) {
      const rule: Rule = { to, from, left: times, lost: 0 };
      rules.push(rule);
      return {
        get count() {
          return rule.lost;
        },
        stop: () => (rules = rules.filter((other) => other !== rule)),
      };
    },
    cut: (how = 'end') => drop(how),
    async fall() {
      const closing = server;
      server = null;
      closing?.close();
      drop('reset');
      if (closing) await once(closing, 'close');
    },
    async rise() {
      if (!server) await listen(own);
    },
    async [Symbol.asyncDispose]() {
      swallows = false;
      await proxy.fall();
    },
  };
  return proxy;
}
