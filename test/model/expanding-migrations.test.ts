// Migrations only add, so that instances of the version before serve on; what removes says so in its name.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const directory = join(import.meta.dirname, '..', '..', 'migrations');

/** The tables of the first version: nobody runs an earlier one. */
const first = '0001';

/** What an instance of the version before may stumble over. A column that must be given needs a default. */
const contracting = [
  /\bdrop (?:table|column|view|type|function|constraint|schema|default)\b/i,
  /\brename (?:to|column)\b/i,
  /\bset not null\b/i,
  /\balter column\s+\S+\s+(?:set data )?type\b/i,
  /\badd column (?:(?!default|,|;|`)[^])*\bnot null\b(?:(?!default|,|;|`)[^])*(?=[,;`)]|$)/i,
];

function contractsUnnamed(name: string, text: string): boolean {
  return !name.includes('-contract-') && contracting.some((pattern) => pattern.test(text));
}

test('no migration after the first version takes away, unless its name says that it contracts', () => {
  const later = readdirSync(directory).filter((name) => !name.startsWith(first));
  const texts = later.map((name) => [name, readFileSync(join(directory, name), 'utf8')] as const);
  expect(texts.filter(([name, text]) => contractsUnnamed(name, text)).map(([name]) => name)).toEqual([]);
});

test.each([
  'alter table users drop column role',
  'drop table webhook_replays',
  'alter table users rename column email to address',
  'alter table users alter column email set not null',
  'alter table users alter column role type smallint',
  'alter table users add column team text not null',
  'alter table users add column team text not null, add column size int not null default 0',
])('the rule would find: %s', (sql) => {
  expect(contractsUnnamed('0005-teams.ts', sql)).toBe(true);
  expect(contractsUnnamed('0006-contract-teams.ts', sql)).toBe(false);
});

test.each([
  'alter table users add column team text',
  'alter table users add column team text not null default $$none$$',
  'create table teams (id uuid primary key, name text not null)',
  'create index users_team on users (team)',
])('the rule lets pass: %s', (sql) => {
  expect(contractsUnnamed('0005-teams.ts', sql)).toBe(false);
});
