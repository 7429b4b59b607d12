import { once } from 'node:events';
import { Readable } from 'node:stream';
import { type Socket, connect, createServer } from 'node:net';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openHttp } from '../../src/api/server.ts';
import { openOrm } from '../../src/model/orm.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, type Door, adminToken, openDoor, post } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const app = { fetch: async (incoming: Request) => await door.fetch(new URL(incoming.url).pathname, incoming) };

test('the service answers over a real socket', async () => {
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app });
  expect(http.url).toBe(`http://127.0.0.1:${http.port}`);
  const response = await fetch(`${http.url}/graphql`, post({ query: '{ users { totalCount } }' }));
  expect(await response.json()).toEqual({ data: { users: { totalCount: 0 } } });
  const accept = 'text/html;q=0, application/json;q=0.1, application/graphql-response+json';
  const weighed = await fetch(`${http.url}/graphql`, post({ query: '{ users { totalCount } }' }, { accept }));
  expect(weighed.headers.get('content-type')).toMatch('application/graphql-response+json');
});

test('a body above 1 MiB is refused while it is still being sent, and the server goes on', async () => {
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app });
  const socket = connect(http.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50000000\r\n\r\n{"query":`,
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
  socket.destroy();
  expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
});

test.each([
  ['POST', '/graphql', 'chunked', 200],
  ['POST', '/graphql', 'too much', 413],
  ['POST', '/graphql', null, 400],
  ['OPTIONS', '/graphql', null, 405],
  ['POST', '/healthz', null, 405],
  ['DELETE', '/nothing', null, 404],
] as const)('%s %s with a body of unknown length (%s) is answered with %i', async (method, path, sent, status) => {
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app: door.app });
  const { headers } = post('');
  async function* parts() {
    yield Buffer.from('{"query":"{ users { totalCount } }"');
    if (sent === 'too much') for (let n = 0; n < 20; n += 1) yield Buffer.alloc(100_000, ' ');
    yield Buffer.from('}');
  }
  const body = sent === null ? null : Readable.from(parts());
  const answer = await request(`${http.url}${path}`, { method, headers: headers as Record<string, string>, body });
  await answer.body.dump();
  expect(answer.statusCode).toBe(status);
  expect(door.logged.join()).not.toContain('unexpectedly');
});

test.each([
  ['a chunked upload', '/graphql', 'transfer-encoding: chunked\r\n\r\n5\r\n{"que\r\n'],
  ['an upload of known length', '/graphql', 'content-length: 100\r\n\r\n{"que'],
  ['a form', '/account', 'content-length: 100\r\n\r\nsession='],
])('%s that breaks off is 400, and no error of ours or of the database', async (_, path, sent) => {
  const answered = Promise.withResolvers<number>();
  const answer = async (incoming: Request, environment?: object) => {
    const { status } = await door.app.fetch(incoming, environment);
    answered.resolve(status);
    return new Response(null, { status });
  };
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app: { fetch: answer } });
  const before = door.logged.length;
  const socket = connect(http.port, '127.0.0.1');
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
  socket.write(`${head}${sent}`, () => socket.destroy());
  expect(await answered.promise).toBe(400);
  const lines = door.logged.slice(before).map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([{ level: 20, path, msg: 'a request broke off before its end' }]);
});

test('a port that is in use is reported in one sentence', async () => {
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app });
  await expect(openHttp({ host: '127.0.0.1', port: http.port, app })).rejects.toThrow(
    `Cannot listen on 127.0.0.1:${http.port} (EADDRINUSE): another program has this port; set PORT to a free one, or to 0.`,
  );
});

/** An application whose one answer comes when it is told to. */
function slowApp() {
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  return {
    begun: begun.promise,
    answer: (text: string) => answer.resolve(new Response(text)),
    fetch: async () => {
      begun.resolve();
      return await answer.promise;
    },
  };
}

test('closing refuses new connections, and ends as soon as everything in flight is answered', async () => {
  const slow = slowApp();
  const http = await openHttp({ host: '127.0.0.1', port: 0, app: slow });
  // A kept-alive connection that nobody closes would hold the server open for its whole idle time.
  const agent = new Agent({ keepAliveTimeout: 60_000 });
  const inFlight = request(http.url, { dispatcher: agent });
  await slow.begun;
  const closed = http.close(60_000);
  await expect(fetch(http.url)).rejects.toThrow();
  slow.answer('in time');
  expect(await (await inFlight).body.text()).toBe('in time');
  await closed;
  await agent.close();
});

test('beyond the limit a new connection is dropped, and the open ones are served', async () => {
  const slow = slowApp();
  await using http = await openHttp({ host: '127.0.0.1', port: 0, limits: { connections: 1 }, app: slow });
  const inFlight = fetch(http.url);
  await slow.begun;
  await expect(fetch(http.url)).rejects.toThrow();
  slow.answer('served');
  expect(await (await inFlight).text()).toBe('served');
});

test('what is still in flight when the grace ends is cut off', async () => {
  const slow = slowApp();
  const http = await openHttp({ host: '127.0.0.1', port: 0, app: slow });
  const inFlight = fetch(http.url);
  const cut = expect(inFlight).rejects.toThrow();
  await slow.begun;
  await http.close(10);
  await cut;
  slow.answer('too late');
});

test('a database that refuses connections makes every field UNAVAILABLE, and the log says why', async () => {
  const nobody = createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as { port: number };
  nobody.close();
  await using away = await openDoor({ url: `postgres://postgres@127.0.0.1:${port}/gone` });
  for (const query of [
    '{ users { totalCount } }',
    'mutation { createUser(input: { email: "a@example.com" }) { id } }',
  ]) {
    const { errors } = await away.ask(query);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAVAILABLE']);
    expect(JSON.stringify(errors)).not.toContain(String(port));
  }
  expect(away.logged.join('')).toContain('"path":"users"');
});

/** Passes bytes on to Postgres until it is told to stop, as a server that is stopped, not gone. */
async function openProxy(target: URL): Promise<{ port: number; stop(): void; cut(): void } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  let stopped = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}));
    client.on('data', (bytes) => stopped || upstream.write(bytes)).on('close', () => upstream.destroy());
    upstream.on('data', (bytes) => stopped || client.write(bytes)).on('close', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    stop: () => void (stopped = true),
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

test.each([
  ['a query', '{ users { nodes { id } } }'],
  ['a mutation', 'mutation { createUser(input: { email: "a@example.com" }) { id } }'],
])('a database that stops answering on open connections makes %s UNAVAILABLE within 3 s', async (_, query) => {
  await using database = await openDatabase();
  const url = new URL(database.url);
  await using proxy = await openProxy(new URL(inject('postgresUrl')));
  url.port = String(proxy.port);
  url.hostname = '127.0.0.1';
  await using behind = await openDoor({ url: url.href });
  expect((await behind.ask('{ users { nodes { id } } }')).errors).toBeUndefined();
  proxy.stop();
  const askedAt = performance.now();
  const { errors } = await behind.ask(query);
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAVAILABLE']);
  expect(performance.now() - askedAt).toBeLessThan(3_000);

  proxy.cut();
});

test('a slow query of a database that answers is waited for', async () => {
  const holder = door.orm.em.fork();
  const locked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const holding = holder.transactional(async (em) => {
    await em.execute('lock table users in access exclusive mode');
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  let asked = false;
  const answer = door.ask('{ users { totalCount } }').then((result: Answer) => ((asked = true), result));
  // The door has asked the database whether it is there, and was answered. Seen from elsewhere: on one of the door's own
  // connections this question would take the place of the one that it looks for.
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${door.orm.config.get('dbName')}`;
  const onlooker = openOrm({ url: url.href, connections: 1, name: 'onlooker' });
  await eventually(async () => {
    const rows = await onlooker.em
      .fork()
      .execute<unknown[]>(
        `select 1 from pg_stat_activity where datname = current_database() and query like '%; select 1' and state = 'idle'`,
      );
    return rows.length > 0;
  });
  await onlooker.close(true);
  expect(asked).toBe(false);
  release.resolve();
  await holding;
  expect(await answer).toEqual({ data: { users: { totalCount: 0 } } });
});

test('the admin token is in no line of the log', async () => {
  await door.ask('{ nobody }');
  expect(door.logged.join('')).not.toContain(adminToken);
});
