// The rules of the house: who may import whom, what stays pure, and what a file may look like.

import { expect, test } from 'vitest';
import { chainsFrom, importCycles, importGraph } from './support/import-graph.ts';
import { takesLong } from './support/slow-patterns.ts';
import { type SourceFile, lineAt, parseSource } from './support/source-file.ts';
import { readSources } from './support/source-tree.ts';

const threadNeeds = ['arrange', 'egress', 'signing', 'policy', 'model', 'telemetry', 'settings/endpoint', 'try-again'];
const tellers = ['outbox/given-up', 'outbox/operational-events'];

/**
 * What each part of src may import besides itself. A part is a folder, or a file without its ending; a file belongs
 * to the longest part that holds it, and one that belongs to none is refused.
 */
const mayImport: Record<string, readonly string[]> = {
  // Leaves: they know nobody.
  arrange: [],
  policy: [],
  signing: [],
  telemetry: [],
  'try-again': [],
  'cursors/predicates': [],
  'log/entry': [],
  'log/stream': ['policy', 'log/entry', 'log/batch', 'log/sealed-batches', 'log/valkey'],
  'log/valkey': ['policy'],

  // Deliveries and sign-ins both dial strangers, and read their answers.
  egress: ['policy'],

  // What is stored, what crosses to the threads, and what an operator may set.
  model: ['policy', 'migrations'],
  'settings/endpoint': ['signing'],
  settings: ['egress', 'policy', 'model', 'signing'],
  'worker/turn': ['policy', 'model', 'settings/endpoint'],

  // The way of an event, from the change to the row.
  users: ['egress', 'policy', 'model', 'settings', 'outbox'],
  outbox: ['policy', 'model', 'telemetry', 'log/entry', 'log/log-partitions'],
  log: ['policy', 'model', 'telemetry'],
  dispatch: ['policy', 'model', 'settings', 'log/entry', 'worker/turn'],
  cursors: ['policy', 'model', 'settings', ...tellers, 'dispatch', 'worker/turn'],
  cluster: [
    ...['policy', 'model', 'telemetry', 'settings', 'outbox/relay-steps', 'log', 'dispatch', 'cursors'],
    'operations/configurations',
    ...['turn', 'turn-failure', 'pool', 'recorder', 'attempts', 'delivery-row'].map((name) => `worker/${name}`),
  ],
  worker: [...threadNeeds, ...tellers],
  'worker/pool': ['policy', 'telemetry', 'settings/start-error', 'worker'],

  // Around it.
  api: [
    ...['policy', 'model', 'telemetry', 'settings', 'users', 'outbox', 'log/valkey', 'operations/readiness'],
    ...['predicates', 'backlog-samples', 'count-backlog', 'oldest-unsettled'].map((name) => `cursors/${name}`),
    'log/positions',
    // What is sent is made again as it was made.
    ...['signing', 'worker/request-headers'],
  ],
  operations: ['policy', 'model', 'telemetry', 'settings', 'outbox', 'log', 'cursors', 'try-again'],
  'operations/open-databases': ['operations', 'model', 'telemetry', 'settings', 'embedded'],
  embedded: ['policy', 'telemetry', 'settings'],

  // The whole, and the ways to start it.
  service: [
    ...['arrange', 'policy', 'model', 'telemetry', 'settings', 'users', 'outbox'],
    ...['log', 'cursors', 'cluster', 'worker', 'api', 'operations', 'embedded'],
  ],
  cli: ['policy', 'model', 'telemetry', 'settings', 'service', 'embedded', 'egress', 'signing', 'operations', 'log'],
  demo: ['telemetry', 'settings', 'signing'],

  // The page: all that it knows of the service is its API.
  dashboard: [],
  main: ['telemetry', 'settings', 'cli'],
};

/** Where a process begins and ends. */
const processes = ['main', 'demo/main'];
/** What a delivery thread may load, all the way down. */
const thread = {
  file: 'src/worker/thread.ts',
  parts: ['worker', ...threadNeeds, ...tellers, 'outbox/payload', 'outbox/record-events'],
};

/** Decisions: they are given the time, the log and the transport, and take none of their own. */
const pure = [
  'policy',
  'outbox/relay-bound',
  'outbox/relay-steps',
  'log/gaps',
  'log/reader',
  'worker/turn-steps',
  'dispatch',
  'cursors/cursor-loader',
  'cursors/cursor-writer',
  'cursors/health-writer',
  ...[
    ...['configuration-barrier', 'heartbeat', 'instance', 'instance-ports', 'leases', 'log-check', 'remote-changes'],
    ...['shard-ownership', 'take-over-log', 'checked-reads', 'serve-endpoints', 'stream-in-force'],
  ].map((name) => `cluster/${name}`),
];
const effects =
  /(?<![.\w])(Date\.now|(new )?Date\(\s*\)|performance\.|Math\.random|set(Timeout|Interval|Immediate)\b|crypto\.|process\.|globalThis\b|fetch\()/g;

/** A parsed file's strings are blank but for names of signals, so a variable or a signal is what is left to find. */
const signals = /(?<![.\w])process\s*\.\s*(on|once|addListener|prependListener|prependOnceListener)\(\s*(?!'\s)\S/g;
/** Handing the whole of `process` around counts as reading it. */
const environment = /(?<![.\w])process\s*(\.\s*env\b|[[,;)}])/g;

const mostLines = 300;
const goodName = /^[a-z0-9]+(-[a-z0-9]+)*((\.long)?\.test|\.config)?\.tsx?$/;
const emptyName = /^(index|utils?|helpers?|common|shared|misc|types?|interfaces?)(\.tsx?)?$/;

/** Each rule answers with one line for every place that breaks it. */
const rules: Record<string, (files: readonly SourceFile[]) => string[]> = {
  'a part imports only what the table allows': (files) =>
    inSource(files).flatMap(({ path, imports }) => {
      const part = partOf(path);
      const allowed = part === undefined ? [] : [part, ...(mayImport[part] ?? [])];
      if (part === undefined) return [`${path} belongs to no part of the table`];
      return imports
        .filter(({ what }) => /\.tsx?$/.test(what) && !insideAny(what, allowed))
        .map(({ what, line }) => `${path}:${line} ${part} may not import ${what}`);
    }),

  'a relative import names a file of the house': (files) => {
    const known = new Set(files.map(({ path }) => path));
    return files.flatMap(({ path, imports }) =>
      imports
        .filter(({ what }) => /^(\.|src\/|test\/|bench\/|migrations\/|schema\/)/.test(what) && !known.has(what))
        .map(({ what, line }) => `${path}:${line} imports ${what}, which is no TypeScript file here`),
    );
  },

  'no file imports itself by way of others, even for types': (files) =>
    importCycles(importGraph(files)).map((cycle) => cycle.join(' -> ')),

  'a delivery thread loads only what it needs': (files) =>
    [...chainsFrom(importGraph(files), thread.file)]
      .filter(([path]) => !insideAny(path, thread.parts))
      .map(([, chain]) => chain.join(' -> ')),

  'decisions know no clock, chance, timer, package or socket': (files) =>
    inSource(files)
      .filter(({ path }) => insideAny(path, pure))
      .flatMap((file) => [...matches(file, effects), ...importsOf(file, /(?<!\.ts)$/)]),

  'only settings reads the environment': (files) =>
    inSource(files)
      .filter(({ path }) => !insideAny(path, ['settings']))
      .flatMap((file) => [...matches(file, environment), ...importsOf(file, /^(node:)?process$/)]),

  'only the start of a process handles signals': (files) =>
    inSource(files)
      .filter(({ path }) => !insideAny(path, processes))
      .flatMap((file) => matches(file, signals)),

  'a name is exported only where it is made': (files) =>
    files.flatMap(({ path, reExports }) => reExports.map(({ what, line }) => `${path}:${line} ${what}`)),

  'a regular expression takes no more time than its text is long': (files) =>
    inSource(files).flatMap(({ path, patterns }) =>
      patterns.filter(({ what }) => takesLong(what)).map(({ what, line }) => `${path}:${line} ${what}`),
    ),

  'a file is short': (files) =>
    files.filter(({ lines }) => lines > mostLines).map(({ path, lines }) => `${path} has ${lines} lines`),

  'a file is named for what it holds': (files) =>
    files
      .filter(
        ({ path }) =>
          !goodName.test(path.split('/').at(-1) ?? '') || path.split('/').some((name) => emptyName.test(name)),
      )
      .map(({ path }) => path),

  'a file opens with a sentence that says what it is for': (files) =>
    files
      .filter(({ path, firstLine }) => !path.endsWith('.test.ts') && !/^\/\/ \S.{9,}/.test(firstLine))
      .map(({ path }) => path),
};

const house = readSources(`${import.meta.dirname}/..`, ['src', 'test', 'bench', 'migrations', 'schema']);

test.each(Object.entries(rules))('%s', (_, rule) => {
  expect(rule(house)).toEqual([]);
});

test('every part, process, thread and decision that the rules name has a file', () => {
  const named = new Set([...Object.keys(mayImport), ...Object.values(mayImport).flat(), ...processes, ...pure]);
  expect([...named].filter((part) => !house.some(({ path }) => inside(path, part)))).toEqual([]);
  expect(house.map(({ path }) => path)).toContain(thread.file);
});

const neighbours = [
  [
    'src/policy/budget.ts',
    `import type { Retry } from './retry.ts';\n/** Not Date.now(). */\nexport const left = 'process.env';`,
  ],
  ['src/policy/retry.ts', `export const at = (ms: number) => new Date(ms);`],
  ['src/dispatch/actor.ts', `import type { left } from '../policy/budget.ts';`],
  ['src/settings/environment.ts', `export const port = process.env['PORT'];`],
  ['src/log/table.ts', `import '../telemetry/logger.ts';`],
  ['src/telemetry/logger.ts', `process.once('exit', () => process.stdout.write('SIGTERM'));`],
  ['src/worker/thread.ts', `import { at } from '../policy/retry.ts';`],
  [
    'src/main.ts',
    `import '../src/settings/environment.ts';\nfor (const name of ['SIGINT']) process.on(name, () => {});`,
  ],
] as const;

test('a made-up house that keeps every rule is found to keep them', () => {
  const files = neighbours.map(([path, text]) => madeUp(path, text));
  expect(Object.values(rules).flatMap((rule) => rule(files))).toEqual([]);
});

test.each([
  ['a part imports only what the table allows', 'src/api/door.ts', `import { enqueue } from '../dispatch/actor.ts';`],
  ['a part imports only what the table allows', 'src/policy/other.ts', `import type { A } from '../log/table.ts';`],
  ['a part imports only what the table allows', 'src/policy/other.ts', `let a: import('../log/table.ts').A;`],
  ['a part imports only what the table allows', 'src/log/stream.ts', `const table = await import('./table.ts');`],
  ['a part imports only what the table allows', 'src/nowhere/door.ts', ''],
  ['a relative import names a file of the house', 'src/api/door.ts', `import { x } from './gone.ts';`],
  [
    'no file imports itself by way of others, even for types',
    'src/policy/retry.ts',
    `import type { left } from './budget.ts';`,
  ],
  ['a delivery thread loads only what it needs', 'src/policy/retry.ts', `import '../settings/environment.ts';`],
  [
    'decisions know no clock, chance, timer, package or socket',
    'src/policy/retry.ts',
    'export const at = `${new Date()}`;',
  ],
  ['decisions know no clock, chance, timer, package or socket', 'src/dispatch/actor.ts', 'setTimeout(() => {}, 1);'],
  [
    'decisions know no clock, chance, timer, package or socket',
    'src/policy/retry.ts',
    `import { hash } from 'node:crypto';`,
  ],
  ['only settings reads the environment', 'src/api/door.ts', `const port = process.env['PORT'];`],
  ['only settings reads the environment', 'src/api/door.ts', 'const { env } = process;'],
  ['only settings reads the environment', 'src/api/door.ts', `import { env } from 'node:process';`],
  ['only the start of a process handles signals', 'src/service.ts', `process.once('SIGTERM', stop);`],
  ['only the start of a process handles signals', 'src/service.ts', 'process.on(signal, stop);'],
  ['a name is exported only where it is made', 'src/api/door.ts', `export { x } from './y.ts';`],
  ['a name is exported only where it is made', 'src/api/door.ts', `import { x } from './y.ts';\nexport { x };`],
  ['a file is short', 'src/api/door.ts', '\n'.repeat(mostLines)],
  [
    'a regular expression takes no more time than its text is long',
    'src/api/door.ts',
    'const blank = /^\\s*(.*?)\\s*$/;',
  ],
  ['a regular expression takes no more time than its text is long', 'src/api/door.ts', 'text.replace(/ +$/, "");'],
  ['a regular expression takes no more time than its text is long', 'src/api/door.ts', '/^(a+)+$/.test(text);'],
  ['a file is named for what it holds', 'src/api/index.ts', ''],
  ['a file is named for what it holds', 'src/utils/text.ts', ''],
  ['a file is named for what it holds', 'src/api/theDoor.ts', ''],
])('the rule that %s would find %s holding: %s', (rule, path, text) => {
  const others = neighbours.filter(([neighbour]) => neighbour !== path).map(([name, content]) => madeUp(name, content));
  const found = rules[rule]?.([...others, madeUp(path, text)]) ?? [];
  expect(found).toEqual([expect.stringContaining(path)]);
});

test('the rule that a file opens with a sentence would find one that does not', () => {
  const rule = rules['a file opens with a sentence that says what it is for'];
  expect(rule?.([parseSource('src/api/door.ts', 'export {};')])).toEqual(['src/api/door.ts']);
});

function inside(path: string, part: string): boolean {
  return [`src/${part}/`, `${part}/`].some((folder) => path.startsWith(folder)) || path === `src/${part}.ts`;
}

function insideAny(path: string, parts: readonly string[]): boolean {
  return parts.some((part) => inside(path, part));
}

/** The longest part of the table that holds the file. */
function partOf(path: string): string | undefined {
  const parts = Object.keys(mayImport).filter((part) => inside(path, part));
  return parts.toSorted((one, other) => other.length - one.length)[0];
}

function inSource(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.startsWith('src/'));
}

function matches({ path, code }: SourceFile, pattern: RegExp): string[] {
  return [...code.matchAll(pattern)].map(({ 0: found, index }) => `${path}:${lineAt(code, index)} ${found}`);
}

function importsOf({ path, imports }: SourceFile, pattern: RegExp): string[] {
  return imports.filter(({ what }) => pattern.test(what)).map(({ what, line }) => `${path}:${line} imports ${what}`);
}

function madeUp(path: string, text: string): SourceFile {
  return parseSource(path, `// A file that was made up.\n${text}\n`);
}
