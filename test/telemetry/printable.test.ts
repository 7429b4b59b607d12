// What reaches a terminal: every character that a terminal obeys, or that hides others, is shown in its place.

import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createScreen } from '../../src/demo/screen.ts';
import { printable, printableJson, printableLines, printableWhenRead } from '../../src/telemetry/printable.ts';

test.each([
  ['ANSI', '\u001b[31mred', String.raw`\u001b[31mred`],
  ['OSC, which sets a title or a clipboard', '\u001b]52;c;aGk=\u0007', String.raw`\u001b]52;c;aGk=\u0007`],
  ['C1, of one character', '\u009b2J\u0090q\u009c', String.raw`\u009b2J\u0090q\u009c`],
  ['the end of a line, a return, a step back', 'a\r\nb\bc\td', String.raw`a\r\nb\bc\td`],
  ['NUL and DEL', '\u0000\u007f', String.raw`\u0000\u007f`],
  ['what turns the direction', '\u202ecod\u202c\u2066x\u2069\u200f', String.raw`\u202ecod\u202c\u2066x\u2069\u200f`],
  ['what is not seen', 'a\u200bb\ufeffc\u00add\u{e0041}', String.raw`a\u200bb\ufeffc\u00add\udb40\udc41`],
  ['other ends of lines', '\u2028\u2029\u0085', String.raw`\u2028\u2029\u0085`],
  ['half a character', '\ud800x', String.raw`\ud800x`],
])('%s is shown', (_, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('any other text stays as it is, in any script', () => {
  const text = 'Ada “Ω” 中文 ελληνικά עברית 👩 é — 100 %';
  for (const show of [printable, printableLines, printableJson]) expect(show(text)).toBe(text);
  expect(printableLines('two\nlines')).toBe('two\nlines');
});

test('JSON stays JSON of the same value, also over several lines', () => {
  const value = { '\u009bkey': ['\u001b[2J\u202e\u2028', '"\\', { deep: '\u007f\ud800' }] };
  for (const indent of [undefined, 2]) {
    const shown = printableJson(JSON.stringify(value, null, indent));
    expect(shown).toMatch(/^[\x20-\x7e\n]*$/);
    expect(JSON.parse(shown)).toEqual(value);
  }
});

test('what reads a line and prints its strings prints no control character; a stack keeps its lines', () => {
  const line = JSON.stringify({
    msg: '\u001b[2J\na',
    n: 1,
    err: { message: '\u202e', stack: 'Error: \u009b\n    at x' },
  });
  expect(JSON.parse(printableWhenRead(line))).toEqual({
    msg: String.raw`\u001b[2J\na`,
    n: 1,
    err: { message: String.raw`\u202e`, stack: `Error: \\u009b\n    at x` },
  });
});

test('the demo shows what a request, a user or an error has in it', () => {
  const lines: string[] = [];
  const screen = createScreen((line) => lines.push(line));
  const evil = '\u001b]0;owned\u0007\u009b2J\r';
  screen.say(evil);
  screen.act('createUser', evil);
  screen.trouble(evil);
  screen.list(['name', evil]);
  screen.arrival({
    ...{ at: new Date(), endpoint: evil, position: evil, previous: evil, attempt: evil, eventType: evil },
    ...{ refused: evil, answered: 401 },
  });
  const shown = String.raw`\u001b]0;owned\u0007\u009b2J\r`;
  expect(lines.filter((line) => line.includes(shown))).toHaveLength(5);
  // Its own colours are the only sequences.
  expect(stripVTControlCharacters(lines.join(''))).toMatch(/^[^\p{Cc}]*$/u);
});
