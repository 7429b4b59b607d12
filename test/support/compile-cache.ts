// Where the workers of a test run, and the processes that tests start, keep what Node compiled for them.

import { fileURLToPath } from 'node:url';

/**
 * For the environment of a process and its threads, which write it at an orderly end, each file by a rename. It stays from
 * run to run: there is a folder for each version of Node, and a file is looked at only for the source it was made of.
 */
export const compileCache = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/tests', import.meta.url)),
};
