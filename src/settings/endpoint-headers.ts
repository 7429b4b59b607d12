// Which headers an endpoint may have of its own.

const maxHeaderBytes = 8 * 1024;

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

/** What is wrong with headers that are each valid. */
export function headersProblems(headers: Record<string, string>): { name: string | null; message: string }[] {
  const problems: { name: string | null; message: string }[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (seen.has(name.toLowerCase())) {
      problems.push({ name, message: 'the header is given twice; upper and lower case are the same' });
    }
    seen.add(name.toLowerCase());
    bytes += name.length + value.length;
  }
  if (bytes > maxHeaderBytes) {
    problems.push({ name: null, message: `names and values together must be at most ${maxHeaderBytes} bytes` });
  }
  return problems;
}
