// The samples of README and docs: every fenced block that names a language in which something can be run.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export type Sample = {
  /** From the root of the repository. */
  file: string;
  language: string;
  text: string;
  /** As `docs/receiving.md js 2`: the second of this language in the file. */
  name: string;
};

/** Pictures are nothing to run. */
const pictures = new Set(['mermaid']);

export function readSamples(): Sample[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const files = ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
  return files.toSorted().flatMap(samplesOf);
}

/** The sample with this name. Throws when there is none. */
export function sampleNamed(name: string): string {
  const sample = readSamples().find((one) => one.name === name);
  if (!sample) throw new Error(`${name} is no sample of README or docs`);
  return sample.text;
}

function samplesOf(file: string): Sample[] {
  const blocks = readFileSync(join(root, file), 'utf8').matchAll(/^```(\w+)\n([^]*?)^```$/gm);
  const counts: Record<string, number> = {};
  return [...blocks].flatMap(([, language = '', text = '']) => {
    if (pictures.has(language)) return [];
    counts[language] = (counts[language] ?? 0) + 1;
    return [{ file, language, text, name: `${file} ${language} ${counts[language]}` }];
  });
}
