// Puts a transport error into a class and a sentence for the delivery log, without stack or secret.

import { ConnectFailure, codeOf, detailOf, tlsDetailOf } from '../egress/connect-failure.ts';

/** `class: sentence`, the form of `error_message`. */
export function errorMessage(error: unknown): string {
  if (error instanceof ConnectFailure) return `${error.failureClass}: ${error.message}`;
  const code = codeOf(error);
  const detail = detailOf(error);
  // With TLS 1.3 our certificate is refused after the handshake, with the first that is read.
  if (/^ERR_(SSL|TLS|OSSL)/.test(code)) return `tls: ${tlsDetailOf(error)}`;
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
