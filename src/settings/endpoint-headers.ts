// Which headers an endpoint may have of its own.

import type { HeaderSource } from './endpoint.ts';

/** Of one endpoint: names and values together. */
export const maxHeaderBytes = 8 * 1024;

const refusedNames = new Set([
  'host',
  'connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'user-agent',
]);
const refusedPrefixes = ['content-', 'proxy-', 'webhook-', 'x-webhook-'];

/** Why a name cannot be set, or null. A name is a token (RFC 9110, section 5.6.2). */
export function headerNameProblem(name: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return 'is no header name: letters, digits and "-" make one';
  const lower = name.toLowerCase();
  const refused = refusedNames.has(lower) || refusedPrefixes.some((prefix) => lower.startsWith(prefix));
  return refused ? 'this header is set by Tidings or by the connection, and cannot be set here' : null;
}

/** Why a value cannot be sent, or null. Blanks at its ends would be stripped on the way. */
export function headerValueProblem(value: string): string | null {
  if (!/^[\x20-\x7e]*$/.test(value)) return 'must be printable ASCII';
  return value === value.trim() ? null : 'must not begin or end with a blank';
}

/** The same for what comes before a secret's value. */
export function headerPrefixProblem(prefix: string): string | null {
  return headerValueProblem(`${prefix}-`);
}

/** What is wrong with headers that are each valid. Of a secret's value nothing is known here. */
export function headersProblems(headers: Record<string, HeaderSource>): { name: string | null; message: string }[] {
  const problems: { name: string | null; message: string }[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  for (const [name, source] of Object.entries(headers)) {
    if (seen.has(name.toLowerCase())) {
      problems.push({ name, message: 'the header is given twice; upper and lower case are the same' });
    }
    seen.add(name.toLowerCase());
    bytes += name.length + (typeof source === 'string' ? source : (source.prefix ?? '')).length;
  }
  if (bytes > maxHeaderBytes) {
    problems.push({ name: null, message: `names and values together must be at most ${maxHeaderBytes} bytes` });
  }
  return problems;
}
