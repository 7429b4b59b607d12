// What a command writes: data to stdout, talk to stderr. What comes from files, tables and servers is shown, never obeyed.

import { printable, printableJson, printableLines } from '../telemetry/printable.ts';

/** One line of data. */
export function print(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}

/** One JSON value and nothing else; `indent` is for people. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, indent))}\n`);
}

/** Resolves when all data is handed over: an end of the process before cuts off what a slow reader has not taken. */
export async function printed(): Promise<void> {
  await new Promise<void>((resolve) => void process.stdout.write('', () => resolve()));
}

/** Talk of several lines, with their ends. */
export function sayLines(text: string): void {
  process.stderr.write(printableLines(text));
}

/** One line of talk. */
export function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}
