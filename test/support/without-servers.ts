// The set-up for test files that share no servers: some start their own, and a run that is killed leaves none of them.

import { openRunDirectory } from './run-directory.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const directory = await openRunDirectory();
  return async () => await directory[Symbol.asyncDispose]();
}
