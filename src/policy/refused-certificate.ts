// Knows the TLS alerts by which the other side refuses our certificate, or asks for one.

const refused = 'the endpoint refused our certificate';

/** By the end of OpenSSL's code for an alert that came from the other side (RFC 8446, section 6.2). */
const sentences: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'the endpoint asks for a certificate and got none; "tls" in config/webhooks.yaml names one',
  UNKNOWN_CA: `${refused}: it does not know the authority that issued it`,
  CERTIFICATE_EXPIRED: `${refused}: it has expired`,
  CERTIFICATE_REVOKED: `${refused}: it was revoked`,
  BAD_CERTIFICATE: `${refused}, or got none and asks for one`,
  UNSUPPORTED_CERTIFICATE: `${refused}: it does not take this kind`,
  CERTIFICATE_UNKNOWN: refused,
  ACCESS_DENIED: `${refused}: it is not among those that it lets in`,
  // Until TLS 1.2 it stands for a certificate that is missing, too.
  HANDSHAKE_FAILURE:
    'the endpoint refused the handshake; it asks for a certificate of ours, or shares no cipher with us',
};

/** In words, what the other side has against our certificate; null for every other error. */
export function refusalOfCertificate(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown };
  const [, alert] = typeof code === 'string' ? (/^ERR_SSL_.*_ALERT_([A-Z_]+)$/.exec(code) ?? []) : [];
  return alert !== undefined && Object.hasOwn(sentences, alert) ? sentences[alert]! : null;
}
