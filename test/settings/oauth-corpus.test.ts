import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { oauthProblems } from './oauth-text.ts';

type Case = { name: string; yaml: string | string[]; problems: string[] };

const corpus = JSON.parse(readFileSync(new URL('../corpora/oauth-yaml.json', import.meta.url), 'utf8')) as Case[];

test.each(corpus)('$name: exactly these problems, each with line and column', async ({ yaml, problems }) => {
  expect(await oauthProblems(yaml, null)).toEqual(
    problems.map((begin) => expect.stringMatching(new RegExp(`^${RegExp.escape(begin)}`)) as unknown),
  );
});

const beyond: [string, () => string | Buffer, string][] = [
  ['not UTF-8', () => Buffer.from('providers: []\n# ab\xff\n', 'latin1'), '2:5 (root): the file is not UTF-8'],
  ['larger than 4 MiB', () => '#'.repeat(4 * 1024 * 1024 + 1), '1:1 (root): the file is larger than 4 MiB'],
  ['brackets 10,000 deep', () => '['.repeat(10_000), '1:128 (root): nesting is too deep'],
  ['a text of 1 MB', () => `providers: ${'x'.repeat(1_000_000)}`, '1:12 providers: must be a list'],
];

test.each(beyond)('a file that is %s is refused with line and column', async (_, content, problem) => {
  const found = await oauthProblems(content(), null);
  expect(found[0]?.startsWith(problem), found[0]).toBe(true);
});
