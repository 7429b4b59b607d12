// Prepares a search text: folded, or as a pattern for Postgres that finds it in folded text.

import { isStorable } from '../../outbox/payload.ts';
import { foldCase } from '../../policy/fold-case.ts';
import { Refusal } from '../../policy/refusal.ts';

/** Longer patterns are costly, and no e-mail address is longer (RFC 5321, section 4.5.3.1). */
const longestSearch = 320;

/**
 * A pattern for LIKE that matches whatever folded text contains `text`, which is folded too. Null when no stored text
 * can contain it. Throws Refusal BAD_USER_INPUT when it is too long.
 */
export function containing(text: string): string | null {
  if (!isStorable(text)) return null;
  return `%${foldedSearch(text).replace(/[\\%_]/g, '\\$&')}%`;
}

/** Folded text contains it if the text contains `text` in any case. Throws Refusal BAD_USER_INPUT when it is too long. */
export function foldedSearch(text: string): string {
  const { length } = Array.from(text);
  if (length > longestSearch) {
    const message = `search has ${length} characters; it may have ${longestSearch}.`;
    throw new Refusal('BAD_USER_INPUT', message, 'search');
  }
  return foldCase(text);
}
