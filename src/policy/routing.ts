// Decides which event types an endpoint subscribed to.

import { isOperational } from './operational.ts';

/**
 * Compiles patterns in which `*` matches any run of characters, dots included, into one test of an event type. Only patterns
 * that begin with `webhook.` match types that do: whoever asks for `*` means the events of his programs.
 */
export function compilePatterns(patterns: readonly string[]): (type: string) => boolean {
  const own = compileAlike(patterns.filter(isOperational));
  const others = compileAlike(patterns.filter((pattern) => !isOperational(pattern)));
  return (type) => (isOperational(type) ? own(type) : others(type));
}

function compileAlike(patterns: readonly string[]): (type: string) => boolean {
  // Called for every entry of a long log, so exact types take one look-up.
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const wild = patterns.filter((pattern) => pattern.includes('*'));
  return (type) => exact.has(type) || wild.some((pattern) => matchesPattern(pattern, type));
}

/** Backtracks only to the last star, so that a match costs at most the pattern's length times the type's. */
function matchesPattern(pattern: string, type: string): boolean {
  let at = 0;
  let read = 0;
  let star = -1;
  let readAtStar = 0;
  while (read < type.length) {
    if (pattern[at] === '*') {
      star = at;
      at += 1;
      readAtStar = read;
    } else if (pattern[at] === type[read]) {
      at += 1;
      read += 1;
    } else if (star >= 0) {
      readAtStar += 1;
      read = readAtStar;
      at = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** For `matchesAny` of cursors/predicates.ts, which tells operational types from others by a first character. */
export function likePattern(pattern: string): string {
  const like = pattern.replace(/[\\%_]/g, '\\$&').replaceAll('*', '%');
  return `${isOperational(pattern) ? '!' : '.'}${like}`;
}

/** The form in which a filter is stored beside the backlog that was counted with it. */
export function filterText(patterns: readonly string[]): string {
  return patterns.join('\n');
}
