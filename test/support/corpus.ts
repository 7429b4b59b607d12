// Reads a corpus: bad inputs as rows of JSON, each with what must become of it.

import { readFileSync } from 'node:fs';

/** The content of `test/corpora/<name>.json`; its form is for the caller to say. */
export function readCorpus(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../corpora/${name}.json`, import.meta.url), 'utf8'));
}
