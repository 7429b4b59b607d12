// docs/settings.md lists the settings that there are.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { settingNames } from '../../src/settings/environment.ts';
import { traceNames } from '../../src/settings/traces.ts';

test('the table of docs/settings.md has every setting, and no other', async () => {
  const text = await readFile('docs/settings.md', 'utf8');
  expect(listedIn(text.slice(0, text.indexOf('## ')))).toEqual([...settingNames].toSorted());
});

test('the table of traces has every setting of them, and no other', async () => {
  const text = await readFile('docs/settings.md', 'utf8');
  const ofTracesAlone = /^OTEL_EXPORTER_OTLP_TRACES_/;
  const names = traceNames.filter((name) => !ofTracesAlone.test(name));
  expect(listedIn(text.slice(text.indexOf('## Traces\n')))).toEqual(names.toSorted());
});

function listedIn(text: string): string[] {
  const rows = text.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+)/gm);
  return [...rows].flatMap(([, names]) => names!.split(', ').map((name) => name.replaceAll('`', ''))).toSorted();
}
