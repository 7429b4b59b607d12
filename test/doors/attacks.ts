// What an attacker sends: each attack is one class, by one client, as fast as the service answers.

import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getIntrospectionQuery } from 'graphql';
import { Client } from 'undici';
import { corpusDocuments, worstThatFit } from '../api/hostile-documents.ts';

/** Where to strike, and the tokens of a user and of the admin. */
export type Target = { url: string; tokens: { user: string; admin: string } };

export type Attack = (target: Target) => Promise<void>;

type Asker = 'stranger' | keyof Target['tokens'];

/** Not the address of those who publish meanwhile: what one client may do is limited. */
const localAddress = '127.0.0.66';

function open({ url }: Target): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, localAddress });
  socket.on('error', () => {});
  return socket;
}

const graphql = { method: 'POST', path: '/graphql' } as const;

/** A tail would go on for ever. */
const mostMs = 2_000;

/** One after another, on one connection. */
async function send(
  { url }: Target,
  requests: Iterable<{
    method?: 'GET' | 'POST';
    path: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
  }>,
): Promise<void> {
  const client = new Client(url, { connect: { localAddress } });
  for (const { method = 'GET', path, headers = {}, body = null } of requests) {
    try {
      const signal = AbortSignal.timeout(mostMs);
      const answer = await client.request({ method, path, headers, body, signal });
      await answer.body.dump({ limit: Infinity });
    } catch {
      // It was cut off, which is an answer, too.
    }
  }
  await client.destroy();
}

const authorized = ({ tokens }: Target, as: Asker): Record<string, string> =>
  as === 'stranger' ? {} : { authorization: `Bearer ${tokens[as]}` };

const ask = (target: Target, as: Asker, body: object) => ({
  ...graphql,
  headers: { 'content-type': 'application/json', ...authorized(target, as) },
  body: JSON.stringify(body),
});

function documents(as: Asker): Attack {
  return async (target) => {
    const all = [...worstThatFit(as), ...corpusDocuments().filter((one) => one.as === as)];
    await send(
      target,
      all.map(({ body }) => ask(target, as, body)),
    );
  };
}

/** Writes all at once and reads nothing for a while; then the connection ends, whatever came. */
async function pipeline(target: Target, text: string, unreadMs: number): Promise<void> {
  const socket = open(target);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.pause();
  socket.write(text);
  await Promise.race([sleep(unreadMs), closed]);
  socket.resume();
  await Promise.race([sleep(2_000), closed]);
  socket.destroy();
}

/** None of them is in a cache. */
const schemaQuery = (at: number) => ({
  query: getIntrospectionQuery().replace('IntrospectionQuery', `Q${at}_${performance.now().toFixed()}`),
});

/** Each lacks its last byte, until all of these come at once. */
async function endTogether(target: Target, count: number, body: (at: number) => object): Promise<void> {
  const sockets = times(count, () => open(target));
  sockets.forEach((socket, at) => {
    const text = JSON.stringify(body(at));
    const head = 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    socket.write(`${head}Content-Length: ${text.length}\r\n\r\n${text.slice(0, -1)}`);
  });
  await sleep(1_000);
  const answered = sockets.map(
    async (socket) => await new Promise((resolve) => socket.once('data', resolve).once('close', resolve)),
  );
  for (const socket of sockets) socket.write('}');
  await Promise.all(answered);
  for (const socket of sockets) socket.destroy();
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const times = <T>(count: number, make: (at: number) => T) => Array.from({ length: count }, (_, at) => make(at));

const events = (count: number) => times(count, (at) => ({ type: 'door.tick', data: { at, text: 'x'.repeat(700) } }));

export const attacks: Record<string, Attack> = {
  'documents of a stranger': documents('stranger'),
  'documents of a user': documents('user'),
  'documents of the admin': documents('admin'),
  'GraphiQL, 120 at once, unread': (target) => pipeline(target, get('/graphiql').repeat(120), 1_000),
  'GraphiQL on 20 connections, unread': async (target) => {
    await Promise.all(times(20, () => pipeline(target, get('/graphiql').repeat(20), 1_000)));
  },
  'readiness, 4,000 at once': (target) => pipeline(target, get('/readyz').repeat(4_000), 0),
  'queries, 2,000 at once': (target) => pipeline(target, get('/graphql?query=%7B__typename%7D').repeat(2_000), 0),
  // From the 21st on each is refused half a second late.
  'wrong tokens': (target) =>
    send(
      target,
      times(30, (at) => ({
        ...ask(target, 'stranger', { query: '{ __typename }' }),
        headers: { 'content-type': 'application/json', authorization: `Bearer ${'w'.repeat(40)}${at}` },
      })),
    ),
  'begun sign-ins': (target) =>
    send(
      target,
      times(100, () => ({ path: '/oauth/google?redirect_to=/graphiql' })),
    ),
  'made-up returns from a provider': (target) =>
    send(
      target,
      times(100, (at) => ({ path: `/oauth/google/callback?code=${at}&state=${'s'.repeat(2_000)}${at}` })),
    ),
  'bodies of 1 MiB': (target) =>
    send(
      target,
      times(30, (at) => ({
        ...graphql,
        headers: { 'content-type': 'application/json' },
        body: Buffer.alloc(1_048_576 + (at % 2), at % 3 === 0 ? '[' : 'x'),
      })),
    ),
  'events of the admin, 1,000 a request': (target) =>
    send(
      target,
      times(5, () =>
        ask(target, 'admin', {
          query: 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }',
          variables: { events: events(1_000) },
        }),
      ),
    ),
  'pages of the admin, 200 rows and all they lead to': (target) =>
    send(
      target,
      times(20, () =>
        ask(target, 'admin', {
          query:
            '{ webhookEvents(first: 200) { totalCount nodes { id type data deliveries(first: 5) { id status } } } webhookDeliveries(first: 200) { totalCount nodes { id errorMessage } } }',
        }),
      ),
    ),
  'large headers and many cookies': (target) =>
    send(
      target,
      times(200, (at) => ({
        path: at % 2 === 0 ? '/graphiql' : '/account',
        headers: { cookie: times(200, (n) => `tidings_session=${'c'.repeat(40)}${n}`).join('; ') },
      })),
    ),
  'cookies and tokens of blanks': (target) =>
    send(
      target,
      times(20, (at) => ({
        path: at % 2 === 0 ? '/account' : '/oauth/google/callback',
        headers: { cookie: `a;${' '.repeat(7_500)}b`, authorization: `Bearer ${' '.repeat(7_500)}b ` },
      })),
    ),
  'variables with keys as long as may be': (target) =>
    send(
      target,
      times(20, (at) =>
        ask(target, at % 2 === 0 ? 'stranger' : 'user', {
          query: 'query ($f: WebhookEventFilter) { webhookEvents(filter: $f) { totalCount } }',
          variables: { f: { [` at "${'a'.repeat(60_000)}`]: at } },
        }),
      ),
    ),
  'hosts and paths that are none': (target) =>
    pipeline(
      target,
      times(200, (at) => `GET /${'%2e%2e/'.repeat(at % 200)}graphql HTTP/1.1\r\nHost: ${'h'.repeat(at)}\r\n\r\n`).join(
        '',
      ),
      0,
    ),
  '300 connections that say little': async (target) => {
    const sockets = times(300, () => open(target));
    for (const socket of sockets) {
      socket.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n');
    }
    for (let round = 0; round < 10; round += 1) {
      // To be slow is the attack.
      await sleep(100);
      for (const socket of sockets) socket.write('{');
    }
    for (const socket of sockets) socket.destroy();
  },
  '200 queries about the schema whose ends come together': (target) => endTogether(target, 200, schemaQuery),
  '100 variables of 20,000 values whose ends come together': (target) =>
    endTogether(target, 100, (at) => ({
      query: `query Q${at} { __typename }`,
      variables: { a: times(20_000, () => 0) },
    })),
  'forms of 1 MiB and of 8 KiB': (target) =>
    send(
      target,
      times(60, (at) => ({
        method: 'POST',
        path: at % 2 === 0 ? '/account' : '/oauth/google?link=1',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'a=&'.repeat((at % 3 === 0 ? 1_048_576 : 8_192) / 3),
      })),
    ),
  '100 bodies that stop halfway': async (target) => {
    const sockets = times(100, () => open(target));
    for (const socket of sockets) {
      socket.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n');
      socket.write(`Content-Length: 1000000\r\n\r\n${'x'.repeat(500_000)}`);
    }
    await sleep(1_000);
    for (const socket of sockets) socket.destroy();
  },
};
