// How times and numbers are written, and how a time that somebody wrote is read.

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `1,234`. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** A count that the API makes exactly only up to 10,000. */
export function countTo10000(value: number): string {
  return value >= 10_000 ? '10,000 or more' : count(value);
}

/** `1 event`, `2 events`. */
export function counted(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

/** Two units at most, in English's short forms: `3 d 4 h`, `5 m 10 s`, `12 s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const first = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[first]!;
  const whole = Math.floor(ms / size);
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next![0]}`;
}

/** `5 s ago`, `in 12 s`, `now`. */
export function fromNow(at: string, nowMs: number): string {
  const ms = Date.parse(at) - nowMs;
  if (Math.abs(ms) < 1_000) return 'now';
  return ms < 0 ? `${duration(-ms)} ago` : `in ${duration(ms)}`;
}

/** `2026-11-23 10:00:00.000 UTC`, of a DateTime of the API. */
export function utc(at: string): string {
  return `${at.replace('T', ' ').replace(/Z$/, '')} UTC`;
}

/** To the second, without the zone's name. */
export function utcSecond(at: string): string {
  return at.slice(0, 19).replace('T', ' ');
}

/** `98.5 %`; whole where that says it all, and 100 only when nothing failed. */
export function percent(part: number, whole: number): string {
  const value = (100 * part) / whole;
  const shown = Math.floor(value * 10) / 10;
  return `${Number.isInteger(shown) ? shown : shown.toFixed(1)} %`;
}

/** `12.3 ms`, `1.20 s`. */
export function latency(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${ms >= 100 ? Math.round(ms) : Number(ms.toFixed(1))} ms`;
}

/** `12 bytes`, `1.5 KiB`, of the text in UTF-8. */
export function sizeOf(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  return bytes < 1_024 ? counted(bytes, 'byte') : `${(bytes / 1_024).toFixed(1)} KiB`;
}

/** A time as people write it: ISO 8601, or a duration ago such as `2h`. As a DateTime of the API; null when it is none. */
export function readTime(text: string, nowMs: number): string | null {
  const [, amount, unit] = /^(\d{1,7})\s*(s|m|h|d)$/.exec(text.trim()) ?? [];
  const size = units.find(([name]) => name === unit)?.[1];
  if (amount !== undefined && size !== undefined) return new Date(nowMs - Number(amount) * size).toISOString();
  const [iso] = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z|[+-]\d\d:?\d\d)?)?$/.exec(text.trim()) ?? [];
  if (iso === undefined) return null;
  // Without a zone it is UTC, as everything here is written.
  const zoned = iso.replace(' UTC', 'Z').replace('UTC', 'Z').replace(' ', 'T');
  const at = Date.parse(!zoned.includes('T') || /(Z|[+-]\d\d:?\d\d)$/.test(zoned) ? zoned : `${zoned}Z`);
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
