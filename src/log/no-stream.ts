// Stands for the log's stream where there is no Valkey: events flow through Postgres alone.

import type { LogStream } from './stream.ts';

export const noStream: LogStream = {
  append() {},
  ready: false,
  readStream: () => Promise.resolve(null),
  readLast: () => Promise.resolve(null),
  use() {},
  check: () => Promise.resolve('there is none; events flow through Postgres alone'),
  onContradiction() {},
  onForeign() {},
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
