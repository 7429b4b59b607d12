// Headers as they are given on the command line: `name: value`, as often as needed.

/** By name in lower case. Calls `refuse` for what is none. */
export function headersOf(given: readonly string[] | undefined, refuse: (usage: string) => never): Map<string, string> {
  const headers = new Map<string, string>();
  for (const header of given ?? []) {
    const [, name, value = ''] = /^([\w!#$%&'*+.^`|~-]+):(.*)$/.exec(header) ?? [];
    if (name === undefined) refuse(`error: --header is ${JSON.stringify(header)}: give 'name: value'`);
    headers.set(name.toLowerCase(), value.trim());
  }
  return headers;
}
