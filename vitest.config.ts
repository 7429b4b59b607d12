// How the tests run: one worker more than there are cores, nothing retried, real servers only for those that need them.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { compileCache } from './test/support/compile-cache.ts';
import { sortByNeeds } from './test/support/server-needs.ts';
import { SlowestFirst } from './test/support/slowest-first.ts';

const root = import.meta.dirname;
const long = 'test/**/*.long.test.ts';
const { withServers, withoutServers, isolated } = sortByNeeds(root);

// What Node has compiled once serves every worker, and every process that the tests start.
Object.assign(process.env, compileCache);

export default defineConfig({
  // Vite would load GraphQL a second time, as another format than Pothos and Yoga do, and its types must be one.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    reporters: ['default', './test/support/count-reporter.ts'],
    sequence: { sequencer: SlowestFirst },
    // A hang, not slowness: some tests break a server for half a minute, on a machine on which much else runs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: 0,
    // The tests wait for something a good part of the time.
    maxWorkers: availableParallelism() + 1,
    // A worker runs many files: none finds what another has set.
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'short-without-servers',
          include: withoutServers,
          exclude: [long],
          globalSetup: ['test/support/without-servers.ts'],
        },
      },
      { extends: true, test: { name: 'short-isolated', include: isolated, exclude: [long], isolate: true } },
      {
        extends: true,
        test: {
          name: 'short-with-servers',
          include: withServers,
          exclude: [long],
          globalSetup: ['test/support/servers.ts'],
        },
      },
      { extends: true, test: { name: 'long', include: [long], globalSetup: ['test/support/servers.ts'] } },
    ],
  },
});
