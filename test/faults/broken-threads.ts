// Preloaded into every thread of a service: breaks a delivery thread at its birth, as long as a certain file says how.

import { existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** In the service's working directory; its text is one of the keys below. */
export const birthFile = 'thread-birth';

const births: Record<string, () => void> = {
  throws: () => {
    throw new Error('no place for it');
  },
  exits: () => process.exit(3),
  memory: () => {
    for (const hog: number[][] = []; ;) hog.push(Array.from({ length: 100_000 }, Math.random));
  },
};

if (!isMainThread && existsSync(birthFile)) births[readFileSync(birthFile, 'utf8')]!();
