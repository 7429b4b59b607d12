// A service that the dashboard cannot tell from ours: the same page and the same API, over a made-up world.

import { readFileSync } from 'node:fs';
import { serve } from '@hono/node-server';
import { type ExecutionResult, buildSchema, graphql } from 'graphql';
import { Hono } from 'hono';
import { dashboardRoutes } from '../../src/api/dashboard.ts';
import { readEventTypes } from '../../src/api/event-types.ts';
import { type World, hostile, makeUpWorld } from './made-up-world.ts';

export type MadeUpService = AsyncDisposable & {
  url: string;
  world: World;
  /** Mutations that were asked for, by the name of their field, with what they were given. */
  changes: readonly Change[];
  /** Sends this many recorded deliveries to everybody who follows them. */
  record(count: number): void;
};

export type Change = { name: string; given: Record<string, unknown> };

type Body = { query: string; variables?: Record<string, unknown> };

export const adminToken = 'the-admin-token-of-a-made-up-service';
export const readToken = 'the-read-token-of-a-made-up-service';

const schema = buildSchema(readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8'));
const mutations = Object.keys(schema.getMutationType()!.getFields());

export async function openMadeUpService({ endpoints = 12 }: { endpoints?: number } = {}): Promise<MadeUpService> {
  const world = makeUpWorld(endpoints);
  const changes: Change[] = [];
  const followers = new Set<(text: string) => void>();
  const refusal = (code: string, message: string) => ({ data: null, errors: [{ message, extensions: { code } }] });

  async function answer({ query, variables }: Body, token: string | undefined) {
    if (token === undefined) return { data: { me: null } };
    if (token !== adminToken && token !== readToken) return refusal('UNAUTHENTICATED', 'That token is nobody’s.');
    const isChange = /^\s*mutation/.test(query);
    if (isChange && token === readToken) return refusal('FORBIDDEN', 'The read token may change nothing.');
    const changing = mutations.map((name): [string, unknown] => [name, note(name)]);
    const rootValue = isChange ? Object.fromEntries(changing) : world.query;
    return withCodes(await graphql({ schema, source: query, variableValues: variables, rootValue }));
  }

  const note = (name: string) => (given: Record<string, unknown>) => {
    changes.push({ name, given: { ...given } });
    return world.change(name, given);
  };

  const { routes, pageAt } = dashboardRoutes({
    publicUrl: () => 'http://127.0.0.1',
    providers: [{ id: 'demo', name: 'the demo' }],
  });
  const app = new Hono().route('/', routes);
  app.post('/graphql', async (c) => {
    const body = await c.req.json<Body>();
    const token = /^Bearer (.*)$/.exec(c.req.header('authorization') ?? '')?.[1];
    if (!c.req.header('accept')?.includes('text/event-stream')) return c.json(await answer(body, token));
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    const send = (text: string) => void writer.write(encoder.encode(text)).catch(() => followers.delete(send));
    followers.add(send);
    send(':\n\n');
    return new Response(readable, { headers: { 'content-type': 'text/event-stream' } });
  });
  const types = readEventTypes().map((type) => ({ ...type, description: `${type.description} ${hostile}` }));
  app.get('/events/types', (c) => c.json({ types }));
  app.notFound(async (c) => (await pageAt(c)) ?? c.text('There is nothing here.', 404));

  const { promise: listening, resolve } = Promise.withResolvers<number>();
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve(port));
  const port = await listening;
  return {
    url: `http://127.0.0.1:${port}`,
    world,
    changes,
    record(count) {
      const text = Array.from({ length: count }, () => {
        const data = { webhookDeliveryRecorded: { cursor: 'c', delivery: world.nextDelivery() } };
        return `event: next\ndata: ${JSON.stringify({ data })}\n\n`;
      }).join('');
      for (const send of followers) send(text);
    },
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) server.closeAllConnections();
      const { promise: closed, resolve: ended } = Promise.withResolvers<void>();
      server.close(() => ended());
      await closed;
    },
  };
}

/** What this service throws has its code in the message: `CONFLICT: a sentence`. */
function withCodes({ data, errors }: ExecutionResult) {
  if (errors === undefined) return { data };
  const coded = errors.map(({ message }) => {
    const [, code = 'GRAPHQL_VALIDATION_FAILED', text = message] = /^([A-Z_]+): (.*)$/.exec(message) ?? [];
    return { message: text, extensions: { code } };
  });
  return { data, errors: coded };
}
