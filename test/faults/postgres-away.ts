// Takes Postgres away under load, for as long as a test says, and looks at what everybody is told meanwhile.

import { actAsAdmin } from '../support/admin.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import type { FaultWorld } from './fault-world.ts';

/** A mutation answers within this, whatever becomes of Postgres. */
const answersWithinMs = 3_000;

/** What was on its way when Postgres went comes within a few of these. */
const roundMs = 1_000;

/** How long a mutation took, in ms, and what it said. */
export async function mutation(world: FaultWorld): Promise<{ ms: number; code: string }> {
  const begunAt = performance.now();
  const code = await actAsAdmin(world.stage)
    .publish('a.one')
    .then(
      () => 'done',
      (error: unknown) => (error as { code: string }).code,
    );
  return { ms: performance.now() - begunAt, code };
}

/** Stops it under load and starts it again after `awayMs`, at another port; what was wrong meanwhile. */
export async function whileAway({
  world,
  postgres,
  awayMs,
}: {
  world: FaultWorld;
  postgres: PostgresServer;
  awayMs: number;
}): Promise<string[]> {
  const wrongs: string[] = [];

  /** Asks for a whole round until nothing is sent meanwhile, or it is late. */
  async function mutationsUntilQuiet(giveUpAt: number): Promise<void> {
    let sent: number;
    do {
      sent = journal.length;
      await mutationsFor(roundMs);
    } while (journal.length > sent && performance.now() < giveUpAt);
  }

  /** Asks three at a time, again and again, for so long. */
  async function mutationsFor(forMs: number): Promise<void> {
    for (const endAt = performance.now() + forMs; performance.now() < endAt;) {
      for (const { ms, code } of await Promise.all([mutation(world), mutation(world), mutation(world)])) {
        if (code !== 'UNAVAILABLE') wrongs.push(`a mutation said ${code}`);
        if (ms >= answersWithinMs) wrongs.push(`a mutation took ${ms} ms`);
      }
    }
  }

  const service = world.stage.service();
  const { journal } = world.stage.receiver;
  await world.underLoad(async () => {
    await postgres.stop();
    await world.postgres.fall();
    const backAt = performance.now() + awayMs;
    // Whatever was on its way is there then: nothing is sent that cannot be recorded.
    await mutationsUntilQuiet(backAt);
    const sent = journal.length;
    await mutationsFor(Math.max(roundMs, backAt - performance.now()));
    const more = journal.length - sent;
    if (more > 0) wrongs.push(`${more} requests were sent`);
    const { code, status } = await world.ready();
    if (code !== 503 || status !== 'unavailable') wrongs.push(`/readyz said ${code} ${status}`);
    await postgres.start();
    world.postgres.aim(postgres.url);
    await world.postgres.rise();
  });
  const ended = await Promise.race([service.ended, Promise.resolve('not')]);
  if (ended !== 'not') wrongs.push(`the service ended: ${ended}`);
  return wrongs;
}
