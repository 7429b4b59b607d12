// What may stand as an endpoint's URL.

const maxUrlCharacters = 2048;

/**
 * Why a text cannot be an endpoint's URL, or null. Everything that the WHATWG parser would silently repair is refused:
 * what is dialled is what was written. Never repeats the text, whose path or query may be secret.
 */
export function endpointUrlProblem(text: string, allowHttp: boolean): string | null {
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
    return 'must hold no credentials; remove what stands before "@"';
  }
  if (!URL.canParse(text)) return 'is no valid URL: its host or port cannot be read';
  if (new URL(text).protocol === 'http:' && !allowHttp) {
    return 'must begin with https:// (WEBHOOK_ALLOW_HTTP=true allows http://)';
  }
  return null;
}
