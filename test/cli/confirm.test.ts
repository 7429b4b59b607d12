// The question before something that cannot be undone, on a real terminal.

import { execFileSync } from 'node:child_process';
import { platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { confirm } from '../../src/cli/confirm.ts';

const file = fileURLToPath(new URL('../../src/cli/confirm.ts', import.meta.url));
const refuse = (usage: string): never => {
  throw new Error(usage);
};

/** What a program is told that asks on a terminal, on which this is typed. */
function answerTo(typed: string): string {
  const program = `import('${file}').then(({ confirm }) => confirm('Sure?', {})).then((sure) => console.log('sure: ' + sure))`;
  const command = `printf '${typed}' | script -qec "'${process.execPath}' -e \\"${program}\\"" /dev/null`;
  const shown = execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
  expect(shown).toContain('Sure? [y/N]');
  return /sure: (\w+)/.exec(shown)?.[1] ?? shown;
}

/** `script` is another program elsewhere. */
test.runIf(platform() === 'linux').each([
  ['y\\n', 'true'],
  ['Yes\\n', 'true'],
  ['n\\n', 'false'],
  ['\\n', 'false'],
  ['yesterday\\n', 'false'],
  ['\\004', 'false'],
])('%j on a terminal is %s', (typed, sure) => {
  expect(answerTo(typed)).toBe(sure);
});

test('without a terminal nothing is asked: yes must be said beforehand', async () => {
  await expect(confirm('Sure?', { yes: undefined, refuse })).rejects.toThrow('give --yes');
  expect(await confirm('Sure?', { yes: true, refuse })).toBe(true);
});
