// The time of day in fractions of a millisecond, the same in every process.

/** `performance.timeOrigin` is up to some tenths of a millisecond off: it and what counts from it are read one after the other. */
const offsetMs = measureOffset();

/** Unix milliseconds. */
export function unixMs(): number {
  return offsetMs + performance.now();
}

/** Each change of the whole milliseconds says what time it is, or what time it was when it is seen late. */
function measureOffset(): number {
  const offsets = Array.from({ length: 5 }, () => {
    const before = Date.now();
    while (Date.now() === before);
    return Date.now() - performance.now();
  });
  return Math.max(...offsets);
}
