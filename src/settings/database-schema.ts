// Which names DATABASE_SCHEMA may have.

/** Postgres cuts a name off after 63 bytes. */
const form = /^[a-z_][a-z0-9_]{0,62}$/;

/** What a schema's name must be where this one cannot be used, to end a sentence such as "must be …"; null for one that can. */
export function expectedOfSchema(name: string): string | null {
  if (!form.test(name)) return 'a name of 1 to 63 characters, a-z, 0-9 and _, that does not begin with a digit';
  if (name.startsWith('pg_')) return 'a name that does not begin with pg_, as Postgres keeps those to itself';
  if (name === 'information_schema')
    return 'a schema that backups hold: they leave this one out, which is Postgres’s own';
  return null;
}
