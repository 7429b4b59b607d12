// A bug that the simulation must find: a change of the code that somebody could make by mistake.

import type { Kind } from './schedule.ts';

export type PlantedBug = {
  name: string;
  /** Each text stands exactly once in its file. */
  edits: { file: string; find: string; replace: string }[];
  /** What has to happen besides events, where the mix of all hits the bug too rarely. */
  kinds?: readonly Kind[];
};

export const one = (
  name: string,
  file: string,
  find: string,
  replace: string,
  kinds?: readonly Kind[],
): PlantedBug => ({ name, edits: [{ file, find, replace }], ...(kinds && { kinds }) });
