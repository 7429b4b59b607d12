// Tables on a terminal of any width, and what is read by nobody.

import { expect, test } from 'vitest';
import { type Column, table } from '../../src/cli/table.ts';

const id = '0195f0a0-0000-7000-8000-000000000001';
const columns: readonly Column[] = [
  { head: 'ID' },
  { head: 'STATUS' },
  { head: 'ENDPOINT' },
  { head: 'TYPE', cut: true, drop: 2 },
  { head: 'ERROR', cut: true, drop: 1 },
];
const rows = [
  [id, 'DELIVERED', 'crm', 'order.paid', null],
  [
    id,
    'RETRYING',
    'billing',
    'order.shipped_with_a_very_long_name',
    `tls: ${'the certificate has expired '.repeat(5)}`,
  ],
];

test.for([60, 70, 80, 100, 120, 200])('in %i columns nothing wraps, and no id is cut', (width) => {
  const lines = table(columns, rows, width);
  expect(lines.filter((line) => line.length > width)).toEqual([]);
  expect(lines.slice(1).every((line) => line.startsWith(id))).toBe(true);
  expect(lines[2]).toContain('billing');
});

test('where nobody reads it everything is there', () => {
  const lines = table(columns, rows);
  for (const [index, row] of rows.entries()) {
    for (const cell of row) expect(lines[index + 1]).toContain((cell ?? '-').trim());
  }
});

test('an id is not cut where even it does not fit', () => {
  expect(table(columns, rows, 20)[1]).toContain(id);
});

test('what a terminal would obey is shown, and East Asian text takes two columns', () => {
  const lines = table(
    [{ head: 'A' }, { head: 'B' }],
    [
      ['日本', 'x'],
      ['\u001b[2J', 'y'],
      ['abcd', 'z'],
    ],
  );
  expect(lines).toEqual(['A          B', '日本       x', String.raw`\u001b[2J  y`, 'abcd       z']);
  expect(table([{ head: 'A', cut: true }], [['日本'.repeat(20)]], 13)[1]).toBe(`${'日本'.repeat(3)}…`);
});
