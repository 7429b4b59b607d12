// How the tests run: real servers started once, one worker a core, nothing retried.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would load GraphQL a second time, as another format than Pothos and Yoga do, and its types must be one.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    // The default leaves one core to nobody.
    maxWorkers: '100%',
  },
});
