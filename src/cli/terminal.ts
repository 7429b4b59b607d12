// What a command writes: data to stdout, talk to stderr. What comes from files, tables and servers is shown, never obeyed.

import { printable, printableJson, printableLines } from '../telemetry/printable.ts';

let isHeard = false;

function write(data: string): void {
  if (!isHeard) {
    isHeard = true;
    // Whoever reads the data may have seen enough, as `head` has.
    process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
  }
  process.stdout.write(data);
}

/** One line of data. */
export function print(line: string): void {
  write(`${printable(line)}\n`);
}

/** Data that is several lines. */
export function printLines(lines: readonly string[]): void {
  for (const line of lines) print(line);
}

/** One JSON value and nothing else; `indent` is for people. */
export function printJson(value: unknown, indent?: number): void {
  write(`${printableJson(JSON.stringify(value, null, indent))}\n`);
}

/** Resolves when all is handed over: an end of the process before cuts off what a slow reader has not taken. */
export async function printed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => void stream.write('', () => resolve()));
  }
}

// Without anybody who hears it, talk is over, and what it is about is not.
process.stderr.on('error', () => {});

/** Talk of several lines, with their ends. */
export function sayLines(text: string): void {
  process.stderr.write(printableLines(text));
}

/** One line of talk. */
export function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/** Says how far long work is: on a terminal alone, in one line that is written over and in the end removed. */
export function sayProgress(line: string | null): void {
  if (process.stderr.isTTY) process.stderr.write(line === null ? '\r\u001b[K' : `\r\u001b[K${printable(line)}`);
}

/** Whether a person reads the data. */
export function isTerminal(): boolean {
  return process.stdout.isTTY;
}

/** In columns; what nobody reads on a terminal may be as wide as it is. */
export function terminalWidth(): number {
  return isTerminal() ? (process.stdout.columns ?? 80) : Infinity;
}
