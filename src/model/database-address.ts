// Where the service keeps what it stores: which database, and which schema of it.

/** The schema has a name that needs no escaping, as DATABASE_SCHEMA takes no other; `tidings` if absent. */
export type DatabaseAddress = { url: string; schema?: string };

export const defaultSchema = 'tidings';

/** As SQL writes it: the name may be a keyword, such as `user`. */
export function quotedSchema(schema = defaultSchema): string {
  return `"${schema}"`;
}
