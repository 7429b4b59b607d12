// One word of a shell, whatever is in it.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from '../../src/cli/shell-word.ts';

const words = ['', 'plain', "it's", '$(id) `id` "x" \\ !', 'line\nbreak\ttab', '\u001b[2J', 'é\u202e日本', "'\\\u0007"];

test.for(words)('a shell reads %j as it is, and a terminal obeys nothing of it', (word) => {
  const quoted = shellWord(word);
  // oxlint-disable-next-line no-control-regex
  expect(quoted).not.toMatch(/[\0-\x1f\x7f-\x9f\u202e]/);
  expect(execFileSync('bash', ['-c', `printf %s ${quoted}`], { encoding: 'utf8' })).toBe(word);
});
