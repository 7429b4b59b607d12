// What a command writes: data to stdout, talk to stderr. What comes from files, tables and servers is shown, never obeyed.

import { printable, printableJson } from '../telemetry/printable.ts';

/** One line of data. */
export function print(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}

/** One JSON value and nothing else; `indent` is for people. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, indent))}\n`);
}

/** One line of talk. */
export function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}
