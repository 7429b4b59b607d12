// Why a connection could not be opened, as a class and a sentence without stack or secret.

import { refusalOfCertificate } from '../policy/refused-certificate.ts';
import { adviceOnCertificate } from '../policy/untrusted-certificate.ts';

export type FailureClass = 'egress refused' | 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'protocol';

/**
 * The connection could not be opened. It has a code of its own: undici treats UND_ERR_SOCKET and UND_ERR_INFO as
 * temporary and would reconnect for ever.
 */
export class ConnectFailure extends Error {
  readonly failureClass: FailureClass;
  readonly code = 'TIDINGS_CONNECT';

  constructor(failureClass: FailureClass, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'ConnectFailure';
    this.failureClass = failureClass;
  }
}

const longestDetail = 300;

/** OpenSSL's reason, else the error's message, with its code; one printable line of at most 300 characters. */
export function detailOf(error: unknown): string {
  // Dialling several addresses fails with one error each; the first one is enough.
  if (error instanceof AggregateError && error.errors.length > 0) return detailOf(error.errors[0]);
  const code = codeOf(error);
  let text = String(error);
  if (error instanceof Error)
    text = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  // Node's advice is about the machine of whoever develops.
  text = text.replace(/; if the root CA is installed locally.*/, '');
  // oxlint-disable-next-line no-control-regex
  text = text.replace(/[\0-\x1f\x7f-\x9f]+/g, ' ').trim();
  if (code !== '' && !text.includes(code)) text = `${text} (${code})`.trim();
  return text.slice(0, longestDetail).toWellFormed();
}

/** The same for an error of TLS: with whose certificate it is, and what helps. */
export function tlsDetailOf(error: unknown): string {
  const refusal = refusalOfCertificate(error);
  if (refusal !== null) return `${refusal} (${codeOf(error)})`;
  const advice = adviceOnCertificate(error);
  if (advice !== null)
    return `${detailOf(error)}; ${advice}; "tls.ca" in config/webhooks.yaml adds one for one endpoint`;
  if (codeOf(error) === 'CERT_HAS_EXPIRED') return `${detailOf(error)}; the endpoint must renew it`;
  return detailOf(error);
}

/** The code of Node, undici or OpenSSL, else the empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
