// The figures of a chaos run as one table, the one that docs/reliability.md shows.

import type { WrongKind } from '../support/judge/verdict.ts';
import type { ChaosOutcome } from './run-chaos.ts';

const kinds: readonly WrongKind[] = [
  'lost',
  'disordered',
  'overlapping',
  'wrongly signed',
  'wrong body',
  'phantom',
  'unrecorded',
  'wrongly recorded',
];

/** In Markdown. */
export function table(outcome: ChaosOutcome): string {
  const { longestStall: stall } = outcome;
  const rows: [string, string][] = [
    ['events', String(outcome.events)],
    ['deliveries', String(outcome.deliveries)],
    ['of these given up: their endpoints refuse them', String(outcome.givenUp)],
    ['attempts on record', String(outcome.attempts)],
    ...Object.entries(outcome.faults)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([what, count]): [string, string] => [`fault: ${what}`, String(count)]),
    ...kinds.map((kind): [string, string] => [kind, String(outcome.counts[kind])]),
    ['in flight at a kill, a stop, a loss of a thread or of Postgres', String(outcome.inFlightAtHalts)],
    ['duplicates of those', String(outcome.repeats)],
    ['other duplicates', String(outcome.counts.duplicated)],
    ['late: from a stopped process, after its successor', String(outcome.late)],
    ['longest stall', stall.ms === 0 ? 'none' : `${seconds(stall.ms)}, at ${seconds(stall.at)}`],
    ['all delivered after the last fault within', seconds(outcome.healedMs)],
    ['calls of the publishers without an answer', String(outcome.unanswered)],
    ...outcome.held,
    ['whole run', seconds(outcome.tookMs)],
    ['judged in', seconds(outcome.judgedMs)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => value.length));
  const line = ([name, value]: [string, string]) => `| ${name.padEnd(width)} | ${value.padStart(valueWidth)} |`;
  const rule = `| ${'-'.repeat(width)} | ${'-'.repeat(valueWidth - 1)}: |`;
  return [line(['measure', 'count']), rule, ...rows.map(line)].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
