// Puts a transport error into a class and a sentence for the delivery log, without stack or secret.

export type FailureClass = 'egress refused' | 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'protocol';

/**
 * No connection came about. The code is its own: undici takes UND_ERR_SOCKET and UND_ERR_INFO for passing trouble and
 * would connect again without end.
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

const longestReason = 300;

/** `class: sentence`, as it stands in `error_message`. */
export function errorMessage(error: unknown): string {
  if (error instanceof ConnectFailure) return `${error.failureClass}: ${error.message}`;
  const code = codeOf(error);
  const reason = reasonOf(error);
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code.startsWith('ERR_OSSL')) return `tls: ${reason}`;
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
      // The only two of this code that are about what the endpoint sent.
      if (reason.startsWith('bad ')) return `protocol: ${reason}, unexpected here`;
      return 'reset: the endpoint closed the connection without an answer';
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'protocol: the headers of the answer are too large';
    case 'ERR_ASSERTION':
      // How undici meets a status that HTTP has not, such as 000.
      return 'protocol: the answer is not HTTP/1.1';
    default:
      return `protocol: ${reason}`;
  }
}

/** The shortest text that says what went wrong: OpenSSL's reason, else the message, with its code; one line, printable. */
export function reasonOf(error: unknown): string {
  // Dialling several addresses fails with all of their errors; the first stands for them.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const code = codeOf(error);
  let text = String(error);
  if (error instanceof Error)
    text = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  // oxlint-disable-next-line no-control-regex
  text = text.replace(/[\0-\x1f\x7f-\x9f]+/g, ' ').trim();
  if (code !== '' && !text.includes(code)) text = `${text} (${code})`.trim();
  return text.slice(0, longestReason).toWellFormed();
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
