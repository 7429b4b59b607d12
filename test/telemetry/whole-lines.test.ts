import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { textOf } from './noisy-text.ts';

const program = new URL('noisy-process.ts', import.meta.url).pathname;

type Line = { msg: string; endpoint_id: string; position: number; error_message: string };

function parse(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    throw new Error(`a torn line: ${line.slice(0, 300)} … ${line.slice(-300)}`);
  }
}

/** Every line is whole, and those of one thread come in their order; gives how many each thread wrote. */
function checkLines(text: string, longest: number): Record<string, number> {
  expect(text.at(-1)).toBe('\n');
  const counts: Record<string, number> = {};
  for (const line of text.split('\n').slice(0, -1)) {
    const { msg, endpoint_id: by, position, error_message: found } = parse(line);
    if (msg !== 'attempt') continue;
    expect({ by, position, text: found }).toEqual({ by, position: counts[by] ?? 0, text: textOf(position, longest) });
    counts[by] = position + 1;
  }
  return counts;
}

test('lines of several threads come whole and in their order through a slow pipe, long ones too', async () => {
  const longest = 9_000;
  const pipeline = '"$0" "$1" "in order" "$2" | cat';
  const child = spawn('sh', ['-c', pipeline, process.execPath, program, String(longest)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk as string;
    await sleep(3);
  }
  expect(checkLines(text, longest)).toEqual({ main: 800, a: 800, b: 800 });
});

test('a process ends at once although nobody reads its log, and what a reader finds later is whole lines', async () => {
  await using directory = await scratchDirectory();
  const pipe = join(directory.path, 'log');
  await promisify(execFile)('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY);
  const longest = 3_000;
  const child = spawn(process.execPath, [program, 'at once', String(longest)], {
    stdio: ['ignore', writer, 'inherit'],
  });
  expect(await once(child, 'exit')).toEqual([7, null]);
  closeSync(writer);
  const text = readFileSync(reader, 'utf8');
  closeSync(reader);
  expect(text.length).toBeGreaterThan(32 * 1024);
  checkLines(text, longest);
});
