import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type SecretWarning, createSecrets } from '../../src/settings/secrets.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let directory: string;

beforeAll(async () => {
  scratch = await scratchDirectory();
});

afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
});

beforeEach(async () => {
  directory = join(scratch.path, 'secrets');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
});

function secretsIn(environment: Record<string, string> = {}) {
  const warnings: SecretWarning[] = [];
  const secrets = createSecrets({ directory, environment, warn: (warning) => warnings.push(warning) });
  return { secrets, warnings };
}

test('the file comes before the environment, and causes no warning', async () => {
  await writeFile(join(directory, 'crm'), 'from the file');
  const { secrets, warnings } = secretsIn({ crm: 'exact', CRM: 'upper' });
  expect(await secrets.resolve('crm')).toEqual({ value: 'from the file' });
  expect(warnings).toEqual([]);
});

test('the variable with the exact name comes before the one in upper case', async () => {
  expect(await secretsIn({ crm: 'exact', CRM: 'upper' }).secrets.resolve('crm')).toEqual({ value: 'exact' });
  expect(await secretsIn({ MY_CRM_KEY: 'upper' }).secrets.resolve('my-crm.key')).toEqual({ value: 'upper' });
});

test('a secret from the environment warns once, with the steps to Docker secrets and without the value', async () => {
  const { secrets, warnings } = secretsIn({ CRM_SECRET: 'c4n4ry-value', other: 'c4n4ry-value' });
  for (const name of ['crm_secret', 'crm_secret', 'other', 'crm_secret']) await secrets.resolve(name);
  expect(warnings.map(({ secret }) => secret)).toEqual(['crm_secret', 'other']);
  for (const part of ['WARNING', 'CRM_SECRET', 'compose.yaml', 'docker secret create', join(directory, 'crm_secret')]) {
    expect(warnings[0]?.msg).toContain(part);
  }
  expect(JSON.stringify(warnings)).not.toContain('c4n4ry');
});

test.each([
  ['abc', 'abc'],
  ['abc\n', 'abc'],
  ['abc\r\n', 'abc'],
  ['abc\n\n', 'abc\n'],
  ['abc \n', 'abc '],
  ['abc\r', 'abc\r'],
  ['\nabc', '\nabc'],
  ['x', 'x'],
])('the file %j is the secret %j', async (content, value) => {
  await writeFile(join(directory, 'crm'), content);
  expect(await secretsIn().secrets.resolve('crm')).toEqual({ value });
});

test('a line break at the end of a variable is part of the secret', async () => {
  expect(await secretsIn({ crm: 'abc\n' }).secrets.resolve('crm')).toEqual({ value: 'abc\n' });
});

const wrongFiles: [string, (path: string) => unknown, string][] = [
  ['empty', (path) => writeFile(path, ''), 'is empty'],
  ['a line break alone', (path) => writeFile(path, '\n'), 'is empty'],
  ['a directory', (path) => mkdir(path), 'is a directory'],
  ['a FIFO without a writer', (path) => execFileSync('mkfifo', [path]), 'is not a regular file'],
  ['a device', (path) => symlink('/dev/zero', path), 'is not a regular file'],
  ['a link to nothing', (path) => symlink('nowhere', path), 'is a link to nothing'],
  ['larger than 64 KiB', (path) => writeFile(path, 'x'.repeat(64 * 1024 + 1)), 'is larger than 64 KiB'],
  ['not UTF-8', (path) => writeFile(path, Buffer.from([0x61, 0xff, 0x62])), 'is not UTF-8'],
];

test.each(wrongFiles)('a file that is %s is an error, whatever the environment has', async (_, make, problem) => {
  await make(join(directory, 'crm'));
  const { secrets, warnings } = secretsIn({ crm: 'value' });
  expect(await secrets.resolve('crm')).toEqual({ problem: expect.stringContaining(problem), missing: false });
  expect(warnings).toEqual([]);
});

test('an empty variable is an error, not a reason to look further', async () => {
  const { secrets } = secretsIn({ crm: '', CRM: 'value' });
  expect(await secrets.resolve('crm')).toEqual({ problem: 'its environment variable is empty', missing: false });
});

test('links are followed, as orchestrators mount secrets so', async () => {
  await writeFile(join(directory, 'data'), 'value\n');
  await symlink('data', join(directory, 'crm'));
  expect(await secretsIn().secrets.resolve('crm')).toEqual({ value: 'value' });
});

test('an unknown name is missing, and so is the name of a property that every object has', async () => {
  for (const name of ['crm', 'constructor', '__proto__']) {
    expect(await secretsIn().secrets.resolve(name)).toMatchObject({ missing: true });
  }
});

test('when the secrets directory is missing, or is a file, the environment is used', async () => {
  await rm(directory, { recursive: true });
  expect(await secretsIn({ crm: 'value' }).secrets.resolve('crm')).toEqual({ value: 'value' });
  await writeFile(directory, '');
  expect(await secretsIn({ crm: 'value' }).secrets.resolve('crm')).toEqual({ value: 'value' });
});

test('a changed file is seen at the next call', async () => {
  const { secrets } = secretsIn();
  await writeFile(join(directory, 'crm'), 'one');
  expect(await secrets.resolve('crm')).toEqual({ value: 'one' });
  await writeFile(join(directory, 'crm'), 'two');
  expect(await secrets.resolve('crm')).toEqual({ value: 'two' });
});
