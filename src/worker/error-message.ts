// Puts a transport error into a class and a sentence for the delivery log, without stack or secret.

export type FailureClass = 'egress refused' | 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'protocol';

/**
 * The connection could not be opened. It has a code of its own: undici treats UND_ERR_SOCKET and UND_ERR_INFO as
 * temporary and would reconnect for ever.
 */
export class ConnectFailure extends Error {
  readonly failureClass: FailureClass;
  readonly code = 'TIDINGS_CONNECT';

  constructor(failureClass: FailureClass, sentence: string) {
    super(sentence);
    this.name = 'ConnectFailure';
    this.failureClass = failureClass;
  }
}

const longestDetail = 300;

/** `class: sentence`, the form of `error_message`. */
export function errorMessage(error: unknown): string {
  if (error instanceof ConnectFailure) return `${error.failureClass}: ${error.message}`;
  const code = codeOf(error);
  const detail = detailOf(error);
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code.startsWith('ERR_OSSL')) return `tls: ${detail}`;
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return `reset: the endpoint reset the connection (${code})`;
    case 'ETIMEDOUT':
      return `reset: the connection went dead (${code})`;
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return 'reset: the connection was closed on our side';
    case 'UND_ERR_SOCKET':
      // Two messages with this code are about what the endpoint sent; both begin like this.
      if (detail.startsWith('bad ')) return `protocol: ${detail}, unexpected here`;
      return 'reset: the endpoint closed the connection without an answer';
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'protocol: the headers of the answer are above 64 KiB';
    case 'ERR_ASSERTION':
      // undici's assertion for a status that HTTP does not have, such as 000.
      return 'protocol: the answer is not HTTP/1.1';
    default:
      return `protocol: ${detail}`;
  }
}

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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
