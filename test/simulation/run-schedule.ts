// Runs one schedule in a world of its own, and judges what came of it.

import { checkBacklogs } from './backlogs.ts';
import { converge } from './converge.ts';
import { applyFault } from './faults.ts';
import { judgeOrders } from './judge-orders.ts';
import { judgeWorld } from './judge-world.ts';
import { type Schedule, faultyMs } from './schedule.ts';
import { Violation } from './violation.ts';
import { checkOperational } from './watch-operational.ts';
import { makeWorld, passUntil } from './world.ts';

export type Outcome = { violation: string | null; hash: number; simulatedMs: number; requests: number };

/** Runs a schedule to its end, or to the first thing that must not be. */
export function runSchedule(schedule: Schedule): Outcome {
  const world = makeWorld(schedule);
  const { time, history } = world;
  let violation: string | null = null;
  try {
    for (let number = 0; number < schedule.processes; number += 1) world.start(number);
    for (const step of schedule.steps) applyFault(world, step);
    passUntil(time, faultyMs);
    converge(world);
    checkBacklogs(world.postgres.tables, world.endpoints);
    checkOperational(world.postgres.tables);
    judgeWorld(world);
    judgeOrders(world);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What the core itself refuses to believe is one, too; all others are mistakes of whoever wrote this.
    const isViolation = error instanceof Violation || error.constructor === Error;
    violation = isViolation ? error.message : (error.stack ?? error.message);
  }
  return { violation, hash: history.hash, simulatedMs: time.now(), requests: history.requests.length };
}
