// Says whether this process has much to do.

import { availableParallelism } from 'node:os';

const lookEveryMs = 500;

/** Of what all cores together could do. */
const muchWork = 1 / 4;

/** True while its threads take more than a quarter of the cores' time, over the last half of a second or more. */
export function createLoad(): () => boolean {
  let before = process.cpuUsage();
  let beforeMs = performance.now();
  let isBusy = false;
  return () => {
    const ms = performance.now() - beforeMs;
    if (ms < lookEveryMs) return isBusy;
    const { user, system } = process.cpuUsage(before);
    isBusy = (user + system) / 1_000 > muchWork * ms * availableParallelism();
    before = process.cpuUsage();
    beforeMs += ms;
    return isBusy;
  };
}
