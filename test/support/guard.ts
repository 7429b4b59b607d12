// Runs beside a test run: when its input ends, and so the run, it ends and removes what is left in the run's directory.

import { once } from 'node:events';
import { removeWithProcesses } from './embedded-directory.ts';

process.stdin.resume();
await once(process.stdin, 'end');
await removeWithProcesses(process.argv[2]!);
