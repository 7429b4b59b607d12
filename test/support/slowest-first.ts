// The order of the test files: those that take long begin first, so that no core idles at the end.

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose files take long, the slowest first; all others come after them. */
const slowFolders = [
  'simulation',
  'doors',
  'chaos',
  'journeys',
  'faults',
  'demo',
  'deploy',
  'docs',
  'cli',
  'api',
  'operations',
];

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // What an earlier run measured, where there was one.
    const byTime = await super.sort(files);
    return byTime.toSorted((one, other) => rank(one) - rank(other));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const at = slowFolders.findIndex((folder) => moduleId.includes(`/test/${folder}/`));
  return at === -1 ? slowFolders.length : at;
}
