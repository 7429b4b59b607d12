// docs/settings.md lists the settings that there are.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { settingNames } from '../../src/settings/environment.ts';

test('the table of docs/settings.md has every setting, and no other', async () => {
  const text = await readFile('docs/settings.md', 'utf8');
  const rows = text.slice(0, text.indexOf('## ')).matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+)/gm);
  const listed = [...rows].flatMap(([, names]) => names!.split(', ').map((name) => name.replaceAll('`', '')));
  expect(listed.toSorted()).toEqual([...settingNames].toSorted());
});
