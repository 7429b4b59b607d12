// Times on the command line: ISO 8601, or a duration ago. And how long ago a time is, for tables.

import { durations } from '../settings/duration.ts';

const ago = durations('0s', '365d');
const date = /^\d{4}-\d{2}-\d{2}$/;
const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i;

/** ISO 8601 in UTC. A date is its first moment. Calls `refuse` for anything else; `name` is what was given. */
export function momentOf(text: string, name: string, refuse: (usage: string) => never): string {
  const ms = ago.parse(text);
  if (ms !== null) return new Date(Date.now() - ms).toISOString();
  const given = date.test(text) ? `${text}T00:00:00Z` : text;
  const time = new Date(given.replace(',', '.').toUpperCase());
  const isDay = new Date(`${text.slice(0, 10)}T00:00:00Z`).toJSON()?.startsWith(text.slice(0, 10)) ?? false;
  if (dateTime.test(given) && isDay && !Number.isNaN(time.getTime())) return time.toISOString();
  return refuse(
    `error: ${name} is ${JSON.stringify(text)}: give ISO 8601 with an offset, such as 2026-11-23T10:00:00Z, or a duration ago, such as 2h`,
  );
}

const units: readonly [ms: number, name: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
];

/** `3m`, `2d`; with a minus for what is still to come. */
export function ageOf(iso: string, nowMs = Date.now()): string {
  const ms = nowMs - Date.parse(iso);
  const [size, name] = units.find(([least]) => Math.abs(ms) >= least) ?? [1_000, 's'];
  return `${Math.trunc(ms / size)}${name}`;
}
