// Rules for every URL in a configuration file.

const maxUrlCharacters = 2048;

/**
 * Why a text cannot be an http or https URL without credentials and fragment, or null. What the WHATWG parser would
 * silently repair is refused, so that what is dialled is what was written. Never contains the text, whose path or query
 * may be secret.
 */
export function webUrlProblem(text: string): string | null {
  if (text.length > maxUrlCharacters) return `must be at most ${maxUrlCharacters} characters`;
  if (!/^https?:\/\/[^/?#]/i.test(text)) return 'must be a whole URL that begins with https://';
  if (/[\s\p{Cc}\\]/u.test(text) || !text.isWellFormed()) {
    return 'must hold no blanks, control characters or backslashes; write them as %20 and the like';
  }
  if (text.includes('#')) return 'must have no fragment; remove "#" and what follows';
  if (
    text
      .slice(text.indexOf('//') + 2)
      .split(/[/?]/, 1)[0]
      ?.includes('@')
  ) {
    return 'must hold no credentials; remove what comes before "@"';
  }
  return URL.canParse(text) ? null : 'is no valid URL: its host or port cannot be read';
}
