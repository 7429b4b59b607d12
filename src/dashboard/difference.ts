// What differs between two configurations, value by value.

export type Difference = { path: string; before: string | null; after: string | null };

/** By path, as in `headers.X-Env`; null is absent. Lists are compared as wholes. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  const [one, other] = [shown(before), shown(after)];
  return one === other ? [] : [{ path, before: one, after: other }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string | null {
  return value === undefined || value === null ? null : typeof value === 'string' ? value : JSON.stringify(value);
}
