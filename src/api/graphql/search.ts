// Makes a search text into a pattern for Postgres that finds it in any case, whatever the database's locale.

import { isStorable } from '../../outbox/payload.ts';
import { Refusal } from '../../policy/refusal.ts';

/** Longer patterns are costly, and no e-mail address is longer (RFC 5321, section 4.5.3.1). */
const longestSearch = 320;

/**
 * A regular expression for Postgres (`~`) that matches whatever contains `text`. ILIKE will not do: under the C
 * locale, which the embedded database has, it takes É and é for different letters. Null when no stored text can
 * contain it. Throws Refusal BAD_USER_INPUT when it is too long.
 */
export function containing(text: string): string | null {
  if (!isStorable(text)) return null;
  const characters = Array.from(text);
  if (characters.length > longestSearch) {
    const message = `search has ${characters.length} characters; it may have ${longestSearch}.`;
    throw new Refusal('BAD_USER_INPUT', message, 'search');
  }
  return characters.map(inAnyCase).join('');
}

function inAnyCase(character: string): string {
  const cases = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  const escaped = [...cases].map((form) => form.replace(/[^\p{L}\p{N}\s]/gu, '\\$&'));
  return escaped.length === 1 ? escaped[0]! : `(?:${escaped.join('|')})`;
}
