// What one run of one side came to.

import type { CpuTime } from '../cpu-time.ts';

export type Run = {
  deliveries: number;
  seconds: number;
  /** Processor microseconds a delivery, by process and thread, the receiver's and the databases' among them. */
  cpuUs: CpuTime;
};

export function rateOf({ deliveries, seconds }: Run): number {
  return deliveries / seconds;
}

/** Over all processes. */
export function costOfAll({ cpuUs }: Run): number {
  return Object.values(cpuUs).reduce((sum, us) => sum + us, 0);
}
