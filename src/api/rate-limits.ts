// Rate limits for each client, counted in Valkey over all instances, and without it by each instance.

import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyError } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { openValkey, problemOf } from '../log/valkey.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createCountedWarning } from './counted-warning.ts';
import { type RefusedQueries, createRefusedQueries } from './refused-queries.ts';

/** Each counts one more; null within the limit, else the seconds until the client may try again. */
export type RateLimits = {
  signInStart(client: string): Promise<number | null>;
  /** A bearer token that is none of ours; of all clients together there are limits, too. */
  failedToken(client: string): Promise<number | null>;
  refusedQueries: RefusedQueries;
};

const perMinute = { signInStart: 30, failedToken: 20, failedTokenOfAnybody: 600 };

/** In whose name the guesses of all clients are counted. */
const anybody = 'anybody';
const minuteSeconds = 60;
const commandTimeoutMs = 250;

export type OpenRateLimits = RateLimits &
  AsyncDisposable & {
    /** What Valkey says when it refuses to count; null also when it does not answer at all. */
    check(): Promise<string | null>;
  };

/**
 * Resolves when Valkey answered, or after a quarter of a second. The counts of refused requests, and of those that were counted
 * without Valkey, are logged, each at most once a minute.
 */
export async function openRateLimits({
  url,
  prefix,
  log,
}: {
  url: string | null;
  /** Of the keys in Valkey. */
  prefix: string;
  log: Logger;
}): Promise<OpenRateLimits> {
  let problem = url === null ? 'there is none' : 'does not answer';
  const alone = createCountedWarning((count) =>
    log.warn({ count, reason: problem }, 'Valkey does not answer: requests were counted by this instance alone'),
  );
  const client = url === null ? null : openValkey({ url, commandTimeoutMs, onProblem: (said) => (problem = said) });

  /** Commands on a hung connection stay in memory until it is closed, so it is closed once after it is ready. */
  let isClosed = true;
  client?.on('ready', () => (isClosed = false));
  function reconnect(): void {
    if (!isClosed) client?.disconnect(true);
    isClosed = true;
  }

  function limit(name: keyof typeof perMinute) {
    const points = perMinute[name];
    const refused = createCountedWarning((count, from) =>
      log.warn({ limit: name, count, client: from }, 'requests were refused: too many in a minute from one client'),
    );
    const perClient = { points, duration: minuteSeconds };
    const ofInstance = new RateLimiterMemory(perClient);
    const limiter =
      client &&
      new RateLimiterRedis({
        storeClient: client,
        keyPrefix: `${prefix}:${name}`,
        ...perClient,
        // Beyond the limit, further requests cost Valkey nothing.
        inMemoryBlockOnConsumed: points,
        rejectIfRedisNotReady: true,
      });

    /** Rejects with a RateLimiterRes beyond the limit. */
    async function consume(from: string): Promise<unknown> {
      try {
        if (limiter) return await limiter.consume(from);
      } catch (error) {
        if (error instanceof RateLimiterRes) throw error;
        problem = problemOf(error) ?? problem;
        if (!(error instanceof ReplyError)) reconnect();
      }
      // The limit for all comes second, and the request was noted by then.
      if (name !== 'failedTokenOfAnybody') alone.count(from);
      return await ofInstance.consume(from);
    }

    async function take(from: string): Promise<number | null> {
      try {
        await consume(from);
        return null;
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        refused.count(from);
        // Whoever can write to Valkey can write any number.
        return Math.min(minuteSeconds, Math.max(1, Math.ceil(error.msBeforeNext / 1_000)));
      }
    }
    /** Adds nothing, to nobody's count. */
    async function check(): Promise<string | null> {
      return (await limiter?.penalty('probe', 0).then(() => null, problemOf)) ?? null;
    }
    return { take, refused, check };
  }

  const signInStart = limit('signInStart');
  const failedToken = limit('failedToken');
  const failedTokenOfAnybody = limit('failedTokenOfAnybody');
  const refusedQueries = createRefusedQueries({
    warn: (count, from) =>
      log.warn(
        { limit: 'refusedQuery', count, client: from },
        'requests were refused: too many in a minute from one client',
      ),
  });
  if (client) await firstAnswer(client);

  return {
    signInStart: signInStart.take,
    // What a client may not guess any more is not counted against the others.
    failedToken: async (from) => (await failedToken.take(from)) ?? (await failedTokenOfAnybody.take(anybody)),
    refusedQueries,
    check: signInStart.check,
    [Symbol.asyncDispose]() {
      const warnings = [signInStart, failedToken, failedTokenOfAnybody].map(({ refused }) => refused);
      for (const warning of [alone, ...warnings, refusedQueries]) warning[Symbol.dispose]();
      client?.disconnect();
      return Promise.resolve();
    },
  };
}

async function firstAnswer(client: { once(event: 'ready', listener: () => void): unknown }): Promise<void> {
  const done = new AbortController();
  const answered = new Promise<void>((resolve) => client.once('ready', resolve));
  await Promise.race([answered, sleep(commandTimeoutMs, undefined, { signal: done.signal }).catch(() => {})]);
  done.abort();
}
