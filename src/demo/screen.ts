// The demo's terminal output: what is done, and one aligned line for each webhook.

import { styleText } from 'node:util';
import { printable } from '../telemetry/printable.ts';
import type { Arrival } from './receiver.ts';

export type Screen = {
  /** A paragraph, after an empty line. */
  say(...lines: string[]): void;
  /** An operation of the API, and its object. */
  act(operation: string, what: string): void;
  /** The headings of the columns that `arrival` fills. */
  columns(): void;
  arrival(arrival: Arrival): void;
  /** A failure that does not stop the demo. */
  trouble(sentence: string): void;
  /** Indented pairs of a name and a text. */
  list(...rows: [name: string, text: string][]): void;
};

/** Numbers are aligned right, words left. */
const columns = [
  (time: string) => time.padEnd(12),
  (endpoint: string) => endpoint.padEnd(8),
  (position: string) => position.padStart(8),
  (previous: string) => previous.padStart(8),
  (attempt: string) => attempt.padStart(7),
  (event: string) => event.padEnd(14),
  (verdict: string) => verdict,
];

/** Colours are for a terminal; styleText leaves them out for anything else. */
export function createScreen(write: (line: string) => void = console.log): Screen {
  return {
    say: (...lines) => ['', ...lines].forEach((line) => write(printable(line))),
    act: (operation, what) => write(`${styleText(['bold', 'cyan'], `→ ${operation}`)}  ${printable(what)}`),
    columns: () =>
      write(styleText('dim', row('time', 'endpoint', 'position', 'previous', 'attempt', 'event', 'verdict'))),
    arrival: ({ at, endpoint, position, previous, attempt, eventType, refused, answered }) =>
      write(
        row(
          clock(at),
          ...[endpoint, position ?? '–', previous ?? '–', attempt ?? '–', eventType ?? '?'].map(printable),
          verdictOf(refused, answered),
        ),
      ),
    trouble: (sentence) => write(styleText('yellow', `! ${printable(sentence)}`)),
    list: (...rows) => {
      const width = Math.max(...rows.map(([name]) => name.length));
      for (const [name, text] of rows) write(`  ${styleText('bold', name.padEnd(width))}  ${printable(text)}`);
    },
  };
}

function row(...texts: string[]): string {
  return texts.map((text, index) => columns[index]?.(text)).join('  ');
}

function verdictOf(refused: string | null, answered: number): string {
  if (refused !== null) return styleText('red', `✗ not verified (${printable(refused)}), answered ${answered}`);
  if (answered === 204) return `${styleText('green', '✓')} verified, answered ${answered}`;
  return `${styleText('red', '✗')} answered ${answered}, will be retried`;
}

/** Local time to the millisecond. */
function clock(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  return `${seconds}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
