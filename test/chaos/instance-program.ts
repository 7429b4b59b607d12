// How to start the service with failpoints, to arm them from outside, and to stall it.

import { fileURLToPath } from 'node:url';
import type { Program, RunningService } from '../support/service.ts';
import type { Arming, Failpoint } from './failpoints.ts';

/** With leases of so long, and the heap of bin/tidings, but that a thread runs out of it soon. */
export function instanceProgram(leaseTtlMs: number): Program {
  const heap = ['--max-semi-space-size=8', '--max-old-space-size=160'];
  return {
    file: process.execPath,
    args: [...heap, fileURLToPath(new URL('instance.ts', import.meta.url)), String(leaseTtlMs)],
    takesMessages: true,
  };
}

/** Arms this point alone: the `at`-th arrival from now on acts. Resolves when it is armed, or with the end of the process. */
export async function arm(
  service: RunningService,
  point: Failpoint,
  { at = 1, act = 'kill' }: Partial<Omit<Arming, 'point'>> = {},
): Promise<unknown> {
  return await service.tell({ point, at, act } satisfies Arming);
}

/** Keeps its main thread busy for so long; its other threads go on. */
export type Stall = { stallMs: number };

/** Resolves when it begins. */
export async function stall(service: RunningService, stallMs: number): Promise<void> {
  await service.tell({ stallMs } satisfies Stall);
}
