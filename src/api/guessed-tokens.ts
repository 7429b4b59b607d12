// Refuses a client that guesses bearer tokens. Requests with any other credential, or none, are not counted.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, MiddlewareHandler } from 'hono';
import { Refusal } from '../policy/refusal.ts';
import { answerRefused, homeOf } from './refused.ts';
import type { Asking } from './viewer.ts';

export type GuessedTokensOptions = {
  asking(request: Request): Promise<Asking>;
  /** Counts one guess: null when it may be answered, else the seconds until one may. */
  countGuess(c: Context): Promise<number | null>;
  publicUrl: () => string;
};

/**
 * A right token is never refused, so whoever guesses on learns from a refusal that it was none. This late it comes, and
 * the connections that a client may open bound how many it waits for.
 */
const refusedAfterMs = 500;

/**
 * Answers HTTP 429 with Retry-After beyond the limit, late, each route in its own form. A token of ours is never
 * counted and never waits.
 */
export function limitGuesses({ asking, countGuess, publicUrl }: GuessedTokensOptions): MiddlewareHandler {
  return async (c, next) => {
    // When the database cannot say who asks, the token is one that we signed.
    const { guessed } = await asking(c.req.raw).catch(() => ({ guessed: false }));
    const waitSeconds = guessed ? await countGuess(c) : null;
    if (waitSeconds === null) return await next();
    await sleep(refusedAfterMs);
    const message = `Too many wrong tokens came from here. Wait ${waitSeconds} s, and send a right one.`;
    const refusal = new Refusal('RATE_LIMITED', message);
    if (c.req.path !== '/graphql') {
      const wayOn = { again: null, home: homeOf(publicUrl()), retryAfterSeconds: waitSeconds };
      return answerRefused(c, refusal, wayOn);
    }
    c.header('Retry-After', String(waitSeconds));
    return c.json({ errors: [{ message, extensions: { code: refusal.code } }] }, 429);
  };
}
