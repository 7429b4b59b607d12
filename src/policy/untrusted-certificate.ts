// Knows the TLS failures that a trusted authority would mend.

/** Codes of OpenSSL's verification, as Node gives them. An expired certificate, or one for another name, is not among them. */
const codes: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What the operator can do about a certificate that nobody known vouches for; null for every other error. */
export function adviceOnCertificate(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown };
  return codes.has(code)
    ? 'NODE_EXTRA_CA_CERTS, the path of a PEM file, adds a private authority; a public server must send its intermediate certificates'
    : null;
}
