import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { LogOptions } from '../../src/telemetry/logger.ts';

const run = promisify(execFile);
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** What a process of its own writes to stdout: one line at each level, and one that is written always. */
async function write(options: LogOptions, rest = ''): Promise<string[]> {
  const file = new URL('../../src/telemetry/logger.ts', import.meta.url).href;
  const source = `
    const { openLog } = await import(${JSON.stringify(file)});
    const { logger, always, flush } = await openLog(${JSON.stringify(options)});
    for (const level of ${JSON.stringify(levels)}) logger[level]({ n: 1, text: 'two\\nlines' }, 'said at ' + level);
    always({ url: 'http://127.0.0.1:4000' }, 'ready');
    ${rest}
    await flush();
    process.exit(0);
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source]);
  return stdout.split('\n').slice(0, -1);
}

const parse = (lines: string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

test('a line is one JSON object with the word of its level, an ISO time and its message, and nothing of the process', async () => {
  const before = new Date().toISOString();
  const lines = parse(await write({ level: 'trace', format: 'json' }));
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ...levels.map((level) => [level, `said at ${level}`]),
    ['info', 'ready'],
  ]);
  for (const { time, n, text } of lines.slice(0, -1)) {
    expect(time).toBe(new Date(String(time)).toISOString());
    expect(String(time) >= before && String(time) <= new Date().toISOString()).toBe(true);
    expect({ n, text }).toEqual({ n: 1, text: 'two\nlines' });
  }
  expect(Object.keys(lines[0]!).toSorted()).toEqual(['level', 'msg', 'n', 'text', 'time']);
});

test.each([...levels, 'silent'] as const)(
  'at %s what is below is not written, and what is always written is',
  async (level) => {
    const lines = parse(await write({ level, format: 'json' }));
    const expected = level === 'silent' ? [] : levels.slice(levels.indexOf(level)).map((word) => `said at ${word}`);
    expect(lines.map(({ msg }) => msg)).toEqual([...expected, 'ready']);
    expect(lines.at(-1)).toMatchObject({ msg: 'ready', url: 'http://127.0.0.1:4000' });
  },
);

test('pretty is prose with the same words', async () => {
  const lines = await write({ level: 'warn', format: 'pretty' });
  const text = lines.join('\n');
  expect(lines[0]).not.toMatch(/^\{/);
  expect(text).toMatch(/said at warn[^]*ready[^]*http:\/\/127\.0\.0\.1:4000/);
  expect(text).not.toContain('said at info');
});

test('what was logged before the end is written, however much it is', async () => {
  const lines = parse(
    await write({ level: 'silent', format: 'json' }, `for (let n = 0; n < 5_000; n += 1) always({ n }, 'again');`),
  );
  expect(lines.slice(1).map(({ n }) => n)).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
});
