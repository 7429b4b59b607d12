// How the dashboard is built: what a browser loads, from this service alone, with names that change when the content does.

import { defineConfig } from 'vite';

export default defineConfig({
  root: 'src/dashboard',
  // Addresses are relative to the page's base, which the service says: it may be reached below a path.
  base: './',
  publicDir: false,
  cacheDir: '../../node_modules/.vite/dashboard',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2023',
    // No inline script or picture: the page's policy allows none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    reportCompressedSize: false,
  },
  logLevel: 'warn',
});
