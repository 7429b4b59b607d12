// The order of the test files: those that take long begin first, so that no core idles at the end.

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose files take long, the slowest first; all others come after them. */
const slowFolders = ['chaos', 'doors', 'faults', 'journeys', 'demo', 'deploy', 'docs', 'cli', 'api', 'operations'];

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // What an earlier run measured, where there was one.
    const byTime = await super.sort(files);
    const simulations = byTime.filter((file) => isIn(file, 'simulation'));
    const others = byTime
      .filter((file) => !simulations.includes(file))
      .toSorted((one, other) => rank(one) - rank(other));
    // They keep a core busy, the others wait a good part of the time: so some of both run at once.
    const inTurn = (at: number) => (at % 3 === 0 ? [simulations, others] : [others, simulations]);
    return byTime.flatMap((_, at) =>
      inTurn(at)
        .find((some) => some.length > 0)!
        .shift()!,
    );
  }
}

const isIn = ({ moduleId }: TestSpecification, folder: string) => moduleId.includes(`/test/${folder}/`);

function rank(file: TestSpecification): number {
  const at = slowFolders.findIndex((folder) => isIn(file, folder));
  return at === -1 ? slowFolders.length : at;
}
