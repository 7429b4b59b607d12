// The ceiling: bare signed POSTs, one connection an endpoint, one request at a time on each, and nothing recorded.

import { Client } from 'undici';
import { type Post, keyOf, postByDispatch, postByRequest } from './post.ts';
import { unixMs } from '../clock.ts';
import { serve } from './serve.ts';
import type { Lines, Timed } from '../sides/lines.ts';

type Way = 'dispatch' | 'request';

const [url, way] = process.argv.slice(2) as [string, Way];
const send = way === 'dispatch' ? postByDispatch : postByRequest;
/** They live from run to run, and so does what the compiler has learnt. */
const clients = new Map<string, Client>();

let lines: Lines = [];

serve({
  async load(given) {
    lines = given;
  },
  async run(): Promise<Timed> {
    const startedAtMs = unixMs();
    await Promise.all(
      lines.map(async ({ path, secret, posts }) => await sendAll(clientOf(path), { path, key: keyOf(secret), posts })),
    );
    return { startedAtMs, endedAtMs: unixMs() };
  },
});

async function sendAll(
  client: Client,
  { posts, ...line }: { path: string; key: ReturnType<typeof keyOf>; posts: readonly Post[] },
): Promise<void> {
  for (const post of posts) await send(client, { ...line, post });
}

function clientOf(path: string): Client {
  let client = clients.get(path);
  if (!client) {
    client = new Client(url, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
    clients.set(path, client);
  }
  return client;
}
