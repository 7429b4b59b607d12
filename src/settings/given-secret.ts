// TIDINGS_SECRET: the signing secret of the commands that sign and verify.

/** An empty variable counts as unset. */
export function readGivenSecret(environment: Record<string, string | undefined> = process.env): string | undefined {
  const value = environment['TIDINGS_SECRET'];
  return value === '' ? undefined : value;
}
