// What the service is measured beside, each with the arguments that its program takes.

import type { Ground } from '../ground.ts';
import { NoFigure } from '../row.ts';
import { type Stage, threads } from '../stage.ts';
import { type ProgramSide, openProgramSide } from './program-side.ts';

/** Whether it promises order. */
export type OtherSide = ProgramSide & { isOrdered: boolean };

/** Turns that may run at once in the service: as many jobs. */
const concurrency = 64 * threads;

const names = {
  dispatch: 'bare signed POSTs by undici’s dispatch',
  request: 'bare signed POSTs by undici’s request',
  bullmq: 'BullMQ worker, without order',
  'pg-boss': 'pg-boss with key_strict_fifo',
};

export type OtherName = keyof typeof names;

export async function openOther(ground: Ground, name: OtherName, stage: Stage): Promise<OtherSide> {
  const { directory, endpoints, meter, receiver, databaseUrl, valkeyUrl } = stage;
  const env: Record<string, string> =
    receiver.authorityFile === null ? {} : { NODE_EXTRA_CA_CERTS: receiver.authorityFile };
  const open = async (program: string, args: readonly string[]) =>
    await openProgramSide(ground, { name: names[name], program, args, directory, endpoints, meter, env });
  if (name === 'bullmq') {
    if (valkeyUrl === null) throw new NoFigure('BullMQ needs a Valkey, and none is installed');
    const program = await open('bullmq.ts', [receiver.url, databaseUrl, valkeyUrl, String(concurrency)]);
    return { ...program, isOrdered: false };
  }
  const program =
    name === 'pg-boss'
      ? await open('pg-boss.ts', [receiver.url, databaseUrl, String(concurrency)])
      : await open('ceiling.ts', [receiver.url, name]);
  return { ...program, isOrdered: true };
}
