// How a program of the benchmark is driven: it is given its work, says that it has it, and is told to begin.

import type { Lines, Timed } from '../sides/lines.ts';

export type Work = { load: Lines } | { begin: true };

/** What it is given is not measured; an error ends the program, and the run with it. */
export function serve({ load, run }: { load(lines: Lines): Promise<void>; run(): Promise<Timed> }): void {
  process.on('message', (work: Work) => {
    const done = 'load' in work ? load(work.load) : run();
    void done.then((answer) => process.send!(answer ?? null));
  });
  process.on('disconnect', () => process.exit(0));
}
