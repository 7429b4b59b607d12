// Durations as an operator writes them: a whole number and a unit.

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const form = /^(\d{1,15})(ms|s|m|h|d)$/;

/** The form alone, for editors. */
export const durationPattern = form.source;

export type DurationRule = {
  /** Milliseconds, or null when the text is no duration or lies outside the bounds. */
  parse(text: string): number | null;
  /** What the text must be, to end a sentence such as "must be …". */
  expected: string;
};

/** Durations from `least` to `most`, both included and themselves durations; `1h30m` and `5` are none. */
export function durations(least: string, most: string): DurationRule {
  const leastMs = toMs(least) ?? 0;
  const mostMs = toMs(most) ?? 0;
  return {
    parse(text) {
      const ms = toMs(text);
      return ms !== null && ms >= leastMs && ms <= mostMs ? ms : null;
    },
    expected: `a duration from ${least} to ${most}: a whole number and one of ms, s, m, h, d, such as 500ms or 15s`,
  };
}

/** As people read it, largest unit first, such as `5m10s`: only for output, as an operator gives one unit. */
export function durationText(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of Object.entries(unitMs).toSorted(([, one], [, other]) => other - one)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/** As an operator writes it: the largest unit that gives a whole number, such as `90s`. */
export function durationWritten(ms: number): string {
  const units = Object.entries(unitMs).toSorted(([, one], [, other]) => other - one);
  const [unit, unitIs] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1];
  return `${ms / unitIs}${unit}`;
}

function toMs(text: string): number | null {
  const [, count, unit] = form.exec(text) ?? [];
  return count === undefined ? null : Number(count) * unitMs[unit as keyof typeof unitMs];
}
