// Where the processes that tests start keep what Node compiled for them, from one to the next and from run to run.

import { fileURLToPath } from 'node:url';

/**
 * For the environment of a process and its threads. They write it at an orderly end, each file whole and by a rename; the
 * directory has a folder for each version of Node, and what is in it is looked up by the source's own hash.
 */
export const compileCache = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/tidings-tests', import.meta.url)),
};
