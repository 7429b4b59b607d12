// Measures what each attack does to a service that delivers meanwhile, beside what the same service does at rest.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser } from '../../src/demo/oauth-browser.ts';
import { type OpenIdProvider, openOpenIdProvider } from '../../src/demo/openid-provider.ts';
import { eventually } from '../support/eventually.ts';
import { wallToMonotonic } from '../support/monotonic-clock.ts';
import type { RunningService } from '../support/service.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { adminToken } from '../support/workplace.ts';
import { type Target, attacks } from './attacks.ts';
import { type Held, type Watch, watchService } from './held.ts';
import { measureSlowness } from './slowness.ts';

const slowness = measureSlowness();

/** More than at rest, in the same run. Times are those of a machine in a fast hour. */
export const mostMore = { loopMs: 50 * slowness, memoryMib: 64, lateMs: 250 * slowness };

export type Figures = {
  /** Longest delay of the event loop above that at rest. */
  delayMs: number;
  /** The same of what its thread worked at a stretch: other programs delay the loop as well, and have no part in this. */
  busyMs: number;
  /** Most memory above that at rest. */
  memoryMib: number;
  /** The latest delivery, from the event's time to its arrival, above that at rest. */
  lateMs: number;
};

export type Measured = Figures & { attack: string };

const publish = 'mutation { publishWebhookEvents(events: [{ type: "door.measured", data: {} }]) { id } }';
const restMs = 1_000;
const publishEveryMs = 25;
/** Others work on the machine, too: what an attack does, it does each time. */
const mostRounds = 6;

/** `say` hears of each attack as it is over. */
export async function measureAttacks(say: (measured: Measured) => void): Promise<Measured[]> {
  await using google = await openOpenIdProvider({ accounts: [{ sub: 'ada', name: 'Ada' }] });
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, 'loop');
  await using stage = await openStage({
    environment: {
      NODE_OPTIONS: `--import=${new URL('watched-loop.ts', import.meta.url).href}`,
      WATCHED_LOOP: path,
    },
  });
  const service = await startWith(stage, google);
  const target: Target = { url: service.url, tokens: { user: await signIn(service), admin: adminToken } };
  const watch = watchService({ pid: service.pid, path });
  const attacker = fork(new URL('attacker.ts', import.meta.url));
  const found: Measured[] = [];
  try {
    for (const attack of Object.keys(attacks)) {
      const strike = async () => {
        const ended = once(attacker, 'message');
        attacker.send({ name: attack, target });
        const [{ error }] = (await ended) as [{ error: string | null }];
        if (error !== null) throw new Error(`${attack}: ${error}`);
      };
      const figures = await leastOf(mostRounds, () => measure(stage, watch, strike));
      found.push({ attack, ...figures });
      say({ attack, ...figures });
    }
  } finally {
    attacker.kill();
  }
  const lost = service.lines.filter(({ msg }) => /lease|stands aside/.test(msg));
  if (lost.length > 0) throw new Error(`A lease was lost: ${JSON.stringify(lost)}`);
  return found;
}

/** A loop that is delayed by its own work is held. */
export const isHeld = ({ delayMs, busyMs, memoryMib, lateMs }: Figures) =>
  Math.min(delayMs, busyMs) > mostMore.loopMs || memoryMib > mostMore.memoryMib || lateMs > mostMore.lateMs;

/** Measures again while something is beyond its bounds, and gives the least of each. */
async function leastOf(rounds: number, measureOnce: () => Promise<Figures>): Promise<Figures> {
  let least = await measureOnce();
  for (let round = 1; round < rounds && isHeld(least); round += 1) {
    const { delayMs, busyMs, memoryMib, lateMs } = await measureOnce();
    least = {
      delayMs: Math.min(least.delayMs, delayMs),
      busyMs: Math.min(least.busyMs, busyMs),
      memoryMib: Math.min(least.memoryMib, memoryMib),
      lateMs: Math.min(least.lateMs, lateMs),
    };
  }
  return least;
}

async function measure(stage: Stage, watch: Watch, strike: () => Promise<void>): Promise<Figures> {
  const restMib = await watch.restMib();
  const rest = await delivering(stage, watch, () => sleep(restMs));
  const struck = await delivering(stage, watch, strike);
  return {
    delayMs: struck.delayMs - rest.delayMs,
    busyMs: struck.busyMs - rest.busyMs,
    memoryMib: struck.peakMib - restMib,
    lateMs: struck.latestMs - rest.latestMs,
  };
}

/** Publishes all the time while `work` runs, then waits for what was published. */
async function delivering(stage: Stage, watch: Watch, work: () => Promise<void>): Promise<Held & { latestMs: number }> {
  const { journal } = stage.receiver;
  const from = journal.length;
  let isOver = false;
  const ids = new Set<string>();
  async function publishAll(): Promise<void> {
    while (!isOver) {
      const answer = await stage.service().ask<{ publishWebhookEvents: [{ id: string }] }>(publish);
      ids.add(answer.publishWebhookEvents[0].id);
      await sleep(publishEveryMs);
    }
  }
  const publishing = publishAll();
  const [held] = await Promise.all([watch.during(work).finally(() => (isOver = true)), publishing]);
  const arrived = () => new Map(journal.slice(from).map(({ eventId, begunAt }) => [eventId, begunAt]));
  await eventually(() => [...ids].every((id) => arrived().has(id)), { saying: 'all that was published' });
  const rows = await stage.query<{ id: string; at: number }>(
    `select id, extract(epoch from created_at)::float8 * 1000 as at from webhook_events where type = 'door.measured'`,
  );
  const toMonotonic = wallToMonotonic();
  const late = rows.flatMap(({ id, at }) => (ids.has(id) ? [arrived().get(id)! - (at + toMonotonic)] : []));
  return { ...held, latestMs: Math.max(...late) };
}

async function startWith(stage: Stage, google: OpenIdProvider): Promise<RunningService> {
  const { path } = stage.place;
  const provider = { id: 'google', issuer: google.issuer, client_id: google.clientId, client_secret: 'google_secret' };
  await writeFile(join(path, 'config', 'oauth.yaml'), JSON.stringify({ providers: [provider] }));
  await writeFile(join(path, 'secrets', 'google_secret'), google.clientSecret);
  await stage.place.configure([stage.endpoint('crm', { events: ['door.measured'] })]);
  const service = await stage.start();
  google.allow(`${service.url}/oauth/google/callback`);
  return service;
}

/** The token of a session of somebody who is no admin. */
async function signIn(service: RunningService): Promise<string> {
  const ask = async <Data>(query: string, variables: object = {}): Promise<Data> => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return ((await response.json()) as { data: Data }).data;
  };
  const { startOAuth } = await ask<{ startOAuth: { url: string } }>(
    'mutation { startOAuth(provider: "google") { url } }',
  );
  const stopAt = `${service.url}/oauth/google/callback`;
  const { searchParams } = await openBrowser().signIn(startOAuth.url, { login: 'ada', stopAt });
  const { completeOAuth } = await ask<{ completeOAuth: { token: string } }>(
    'mutation ($code: String!, $state: String!) { completeOAuth(provider: "google", code: $code, state: $state) { token } }',
    { code: searchParams.get('code'), state: searchParams.get('state') },
  );
  return completeOAuth.token;
}
