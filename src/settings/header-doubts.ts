// Finds headers of endpoints that look like credentials.

/** A part of a name, between blanks of any kind, that names what a receiver believes. */
const credentials =
  /(^|[-_.])(authori[sz]ation|auth(entication)?|sessions?|cookies?|bearer|jwt|(api|access|auth|shared|secret|private)[-_.]?keys?|[a-z]*(token|secret)s?|passw(or)?d|passphrase|credentials?)($|[-_.])/i;

/** Null for a header that everybody may read. */
export function doubtAboutHeader(name: string): string | null {
  if (!credentials.test(name)) return null;
  return `${name} looks like a credential, and its value stands in clear in this file and in the database; store it as a secret, and write { secret: NAME } here`;
}
