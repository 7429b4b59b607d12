// A hash that spreads names evenly over numbers, the same on every machine.

/** FNV-1a, 32 bits, over UTF-16 code units: a whole number from 0 on. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
