// Takes Postgres away under load, for as long as a test says, and looks at what everybody is told meanwhile.

import { actAsAdmin } from '../support/admin.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import type { FaultWorld } from './fault-world.ts';

/** A mutation answers within this, whatever becomes of Postgres. */
const answersWithinMs = 3_000;

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
  await world.underLoad(async () => {
    await postgres.stop();
    await world.postgres.fall();
    await mutationsFor(awayMs / 2);
    // Whatever was on its way is long there: nothing is sent that cannot be recorded.
    const sent = world.stage.receiver.journal.length;
    await mutationsFor(awayMs / 2);
    const more = world.stage.receiver.journal.length - sent;
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
