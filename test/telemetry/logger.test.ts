import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { LogOptions } from '../../src/telemetry/logger.ts';

const run = promisify(execFile);
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** What a process of its own writes to stdout: one line at each level, and one that is written always. */
async function write(options: LogOptions, more = ''): Promise<string[]> {
  const file = new URL('../../src/telemetry/logger.ts', import.meta.url).href;
  const source = `
    const { openLogger } = await import(${JSON.stringify(file)});
    const { logger, always, flush } = await openLogger(${JSON.stringify(options)});
    for (const level of ${JSON.stringify(levels)}) logger[level]({ n: 1, text: 'two\\nlines' }, 'said at ' + level);
    always({ url: 'http://127.0.0.1:4000' }, 'ready');
    ${more}
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
  expect(lines.map(({ level, msg }) => `${String(level)}: ${String(msg)}`).toSorted()).toEqual(
    [...levels.map((level) => `${level}: said at ${level}`), 'info: ready'].toSorted(),
  );
  for (const { time, n, text } of lines.filter(({ msg }) => msg !== 'ready')) {
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
    // A fatal line is written at once, past those that are on their way.
    expect(new Set(lines.map(({ msg }) => msg))).toEqual(new Set([...expected, 'ready']));
    expect(lines).toHaveLength(expected.length + 1);
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'ready', url: 'http://127.0.0.1:4000' }));
  },
);

/** What a receiver, a provider or a database may answer. */
const evil = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egood\rbad\nready: http://evil';

test.each(['json', 'pretty'] as const)(
  'in %s no word of a stranger begins a sequence, turns the direction or begins a line, and all of it is there',
  async (format) => {
    const error = `Object.assign(new Error(${JSON.stringify(evil)}), { detail: ${JSON.stringify(evil)} })`;
    const said = `logger.error({ text: ${JSON.stringify(evil)}, err: ${error} }, ${JSON.stringify(evil)});`;
    const lines = await write({ level: 'error', format }, said);
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(lines.filter((line) => line.startsWith('ready'))).toEqual([]);
    expect(lines.join('\n')).toContain(String.raw`\u001b[2J`);
    if (format === 'json') expect(parse(lines)).toContainEqual(expect.objectContaining({ text: evil, msg: evil }));
  },
);

test('pretty is prose with the same words', async () => {
  const lines = await write({ level: 'warn', format: 'pretty' });
  const text = lines.join('\n');
  expect(lines[0]).not.toMatch(/^\{/);
  expect(text).toMatch(/said at warn[^]*ready[^]*http:\/\/127\.0\.0\.1:4000/);
  expect(text).not.toContain('said at info');
});

test('what a thread logged before a flush is written, in its order, though it is ended right after it', async () => {
  const file = new URL('../../src/telemetry/logger.ts', import.meta.url).href;
  const thread = `
    const { parentPort } = await import('node:worker_threads');
    const { openThreadLogger } = await import(${JSON.stringify(file)});
    const { logger, flush } = openThreadLogger({ level: 'info' }, (lines) => parentPort.postMessage({ lines }));
    for (let n = 0; n < 5_000; n += 1) logger.info({ n }, 'attempt');
    await flush();
    parentPort.postMessage({});
  `;
  const source = `
    import { Worker } from 'node:worker_threads';
    const { openLogger } = await import(${JSON.stringify(file)});
    const { takeLines } = await openLogger({ level: 'info', format: 'json' });
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(thread)})));
    worker.on('message', ({ lines }) => lines === undefined ? worker.terminate() : takeLines(lines));
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source]);
  const lines = parse(stdout.split('\n').slice(0, -1));
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
});

test('a flush ends although nobody reads any more', async () => {
  const file = new URL('../../src/telemetry/logger.ts', import.meta.url).href;
  const source = `
    const { openLogger } = await import(${JSON.stringify(file)});
    const { logger, flush } = await openLogger({ level: 'info', format: 'json' });
    for (let n = 0; n < 5_000; n += 1) logger.info({ n }, 'attempt');
    await flush();
    process.stderr.write('flushed');
    process.exit(0);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source]);
  child.stdout.destroy();
  const [text] = (await once(child.stderr, 'data')) as [Buffer];
  expect(text.toString()).toBe('flushed');
  child.kill('SIGKILL');
});

test('16 MiB wait for a reader; then lines are dropped, and their number is logged once somebody reads again', async () => {
  const file = new URL('../../src/telemetry/logger.ts', import.meta.url).href;
  const source = `
    const { openLogger } = await import(${JSON.stringify(file)});
    const { logger, flush } = await openLogger({ level: 'info', format: 'json' });
    const text = 'x'.repeat(1_000);
    for (let n = 0; n < 20_000; n += 1) logger.info({ n, text }, 'attempt');
    const begunAt = performance.now();
    await flush();
    process.stderr.write(String(performance.now() - begunAt));
    // Until its parent is gone.
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source]);
  const [waited] = (await once(child.stderr, 'data')) as [Buffer];
  expect(Number(waited.toString())).toBeLessThan(5_000);
  let told: Record<string, unknown> | undefined;
  let read = 0;
  for await (const line of createInterface(child.stdout)) {
    told = parse([line])[0]!;
    if (told['msg'] !== 'attempt') break;
    read += 1;
  }
  expect(told).toMatchObject({ level: 'warn', msg: 'lines were dropped here', count: 20_000 - read });
  expect(read * 1_000).toBeLessThan(16 * 1024 * 1024);
  child.kill('SIGKILL');
});
