// How large the body of a request may be, and how much of them is held at once.

import type { Context, MiddlewareHandler } from 'hono';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { inTurns } from './begin-in-turns.ts';
import { createShares } from './shares.ts';

export type BodyLimitsOptions = {
  log: Logger;
  client(c: Context): string;
};

const mebibyte = 1024 * 1024;
/** All else takes forms of one short field. To read a form takes 0.3 s a MiB, and is done before anything is known of who sends it. */
const mostBytes = { graphql: mebibyte, form: 8 * 1024 };
/** Of the requests that are being read or answered. */
const mostHeldBytes = { each: 8 * mebibyte, all: 32 * mebibyte };
const withoutBody = new Set(['GET', 'HEAD']);

/**
 * Answers HTTP 413 to a body that is too large, 503 to one for which there is no room now, and 400 to one that breaks off.
 * Bodies whose ends come together are passed on in turns.
 */
export function limitBodies({ log, client }: BodyLimitsOptions): MiddlewareHandler {
  const shares = createShares(mostHeldBytes);
  const turn = inTurns();

  return async (c, next) => {
    const { raw } = c.req;
    if (withoutBody.has(raw.method)) return await next();
    const from = client(c);
    const most = c.req.path === '/graphql' ? mostBytes.graphql : mostBytes.form;
    let held = 0;
    /** Why there is no place for so many bytes more, as an answer. */
    const hold = (bytes: number): Response | null => {
      if (held + bytes > most) {
        return c.json({ error: `The body is above ${most === mebibyte ? '1 MiB' : `${most / 1024} KiB`}.` }, 413);
      }
      if (shares.take(from, bytes) !== 'taken') {
        c.header('Retry-After', '1');
        return c.json({ error: 'Too many large bodies are under way at once. Ask again in a moment.' }, 503);
      }
      held += bytes;
      return null;
    };

    /** The whole body, or why it is refused. */
    const read = async (): Promise<Uint8Array<ArrayBuffer> | Response> => {
      const declared = raw.headers.get('content-length');
      if (declared !== null && !raw.headers.has('transfer-encoding')) {
        return hold(Number(declared) || 0) ?? new Uint8Array(await raw.arrayBuffer());
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of raw.body ?? []) {
        const refused = hold(chunk.length);
        if (refused) return refused;
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    };

    try {
      const body = await read().catch((error: unknown) => {
        // The client went away or does not speak HTTP, so mostly nobody reads this answer.
        log.debug({ path: c.req.path, reason: reasonOf(error) }, 'a request broke off before its end');
        return c.json({ error: 'The body did not come to its end.' }, 400);
      });
      if (body instanceof Response) return body;
      if (body.length > 0) await turn();
      const { url, method, headers } = raw;
      // Hono's own limit makes a new request, too, but one that the Node server's cannot become.
      c.req.raw = new Request(url, { method, headers, body: body.length > 0 ? body : null });
      return await next();
    } finally {
      shares.release(from, held);
    }
  };
}
