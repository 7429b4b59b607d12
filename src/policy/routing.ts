// Decides which event types an endpoint subscribed to.

/** Compiles patterns in which `*` matches any run of characters, dots included, into one test of an event type. */
export function compilePatterns(patterns: readonly string[]): (type: string) => boolean {
  const source = patterns.map((pattern) => pattern.split('*').map(escapeRegExp).join('.*')).join('|');
  const expression = new RegExp(`^(?:${source})$`, 's');
  return (type) => expression.test(type);
}

/** The same pattern for SQL's LIKE with its default escape character. */
export function likePattern(pattern: string): string {
  return pattern.replace(/[\\%_]/g, '\\$&').replaceAll('*', '%');
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
