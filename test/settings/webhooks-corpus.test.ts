import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problemLine } from '../../src/settings/problem.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

type Case = { name: string; yaml: string | string[]; problems: string[] };

const corpus = JSON.parse(readFileSync(new URL('../corpora/webhooks-yaml.json', import.meta.url), 'utf8')) as Case[];

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let file: string;

beforeAll(async () => {
  scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  file = join(scratch.path, 'config/webhooks.yaml');
});

afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
});

/** The lines of all problems, each from its line number on. */
async function problemsOf(content: string | Buffer): Promise<string[]> {
  await rm(file, { recursive: true, force: true });
  await writeFile(file, content);
  return await problems();
}

async function problems(): Promise<string[]> {
  const read = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets: null });
  return read.ok ? [] : read.problems.map((problem) => problemLine(problem).replace('config/webhooks.yaml:', ''));
}

test.each(corpus)('$name: exactly these problems, each with line and column', async ({ yaml, problems: expected }) => {
  const found = await problemsOf(Array.isArray(yaml) ? yaml.join('\n') : yaml);
  expect(found).toEqual(
    expected.map((begin) => expect.stringMatching(new RegExp(`^${RegExp.escape(begin)}`)) as unknown),
  );
});

test('http endpoints are accepted where they are allowed, and everything else is refused as before', async () => {
  const yaml = (url: string) => `endpoints: [{id: a, url: "${url}", secret: s, events: ["*"]}]`;
  const read = async (url: string) => {
    await writeFile(file, yaml(url));
    return await readWebhooks({ directory: scratch.path, allowHttp: true, secrets: null });
  };
  expect(await read('http://127.0.0.1:8080/hooks')).toMatchObject({ ok: true });
  expect(await read('ftp://127.0.0.1/')).toMatchObject({ ok: false });
  expect(await read('http://u:p@127.0.0.1/')).toMatchObject({ ok: false });
});

const beyond: [string, () => string | Buffer, string][] = [
  ['not UTF-8', () => Buffer.from('endpoints: []\n# ab\xff\n', 'latin1'), '2:5 (root): the file is not UTF-8'],
  ['UTF-16', () => Buffer.from('\ufeffendpoints: []', 'utf16le'), '1:1 (root): the file is not UTF-8'],
  ['larger than 4 MiB', () => '#'.repeat(4 * 1024 * 1024 + 1), '1:1 (root): the file is larger than 4 MiB'],
  ['brackets 10,000 deep', () => '['.repeat(10_000), '1:128 (root): nesting is too deep'],
  ['brackets 4 MiB deep', () => '['.repeat(4 * 1024 * 1024), '1:128 (root): nesting is too deep'],
  ['lists 100,000 deep', () => '- '.repeat(100_000), '1:255 (root): nesting is too deep'],
  [
    'maps 2,000 deep',
    () => Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    '128:128 (root): nesting is too deep',
  ],
  ['101 aliases', () => `endpoints: []\nx: &x 1\ny: [${'*x,'.repeat(101)}]`, '2:1 x: this key is unknown'],
  ['a text of 1 MB', () => `endpoints: ${'x'.repeat(1_000_000)}`, '1:12 endpoints: must be a list'],
];

test.each(beyond)('a file that is %s is refused with line and column', async (_, content, problem) => {
  const found = await problemsOf(content());
  expect(found[0]?.startsWith(problem), found[0]).toBe(true);
});

test('a hundred aliases are accepted, and one more is refused with line and column', async () => {
  const yaml = (count: number) =>
    `endpoints: [{id: a, url: "https://a.example.com", secret: &s s, events: ["*"], previous_secrets: []}${', *s'.repeat(count)}]`;
  const tooMany = (lines: string[]) => lines.filter((line) => line.includes('more than 100 aliases'));
  expect(tooMany(await problemsOf(yaml(100)))).toEqual([]);
  expect(tooMany(await problemsOf(yaml(101)))).toEqual([expect.stringMatching(/^1:\d+ endpoints\.101: /)]);
});

test('aliases of aliases do not multiply', async () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`);
  const found = await problemsOf(['a0: &a0 [x]', ...levels, 'endpoints: *a30'].join('\n'));
  expect(found.at(-1)).toContain('endpoints.2: must be a map');
});

test('40,000 keys are compared at once, not each with all others', async () => {
  const keys = Array.from({ length: 40_000 }, (_, i) => `key${i}: v\n`).join('');
  const begun = process.cpuUsage();
  const found = await problemsOf(`endpoints: []\n${keys}key7: again\n`);
  const { user } = process.cpuUsage(begun);
  expect(found).toHaveLength(1_000);
  // Comparing each key with all before it takes 14 s of the processor; this takes half a second.
  expect(user / 1e6).toBeLessThan(7);
});

test('a directory or a FIFO instead of the file is refused and blocks nothing', async () => {
  await rm(file, { recursive: true, force: true });
  await mkdir(file);
  expect(await problems()).toEqual(['1:1 (root): the file is a directory, not a file']);
  await rm(file, { recursive: true });
  execFileSync('mkfifo', [file]);
  expect(await problems()).toEqual(['1:1 (root): the file is not a regular file']);
  await rm(file);
});
