// One POST on one connection: the request goes out at most once, and its answer is awaited no longer than allowed.

import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Connection } from './connections.ts';
import { ConnectFailure } from './error-message.ts';
import { type ResponseBody, createResponseBody } from './response-body.ts';

export type Outgoing = {
  /** Names and values in turn. */
  headers: string[];
  body: Buffer;
  /** From connecting to the end of the final headers. */
  timeoutMs: number;
  /** Asked when the connection is there, just before the first byte. */
  mayBegin(): boolean;
};

/** Nothing was sent, as the attempt may not be made any more. */
export class CalledOff extends Error {}

export type Outcome = {
  /** When the final headers were complete, or the attempt had failed; by the monotonic clock. */
  endedAtMs: number;
} & (
  | { status: number; retryAfter: string | string[] | undefined; body: string | null }
  /** No answer came, for this reason. */
  | { error: unknown }
);

/** What comes after the headers may take this long and changes nothing. */
const bodyWithinMs = 1_000;

/** Never rejects; resolves once the connection is free again, or closed. */
export function exchange(connection: Connection, outgoing: Outgoing, monotonicMs: () => number): Promise<Outcome> {
  const { headers, body } = outgoing;
  return new Promise((resolve) => {
    const handler = new Exchange(connection, outgoing, monotonicMs, resolve);
    connection.client.dispatch({ method: 'POST', path: connection.path, headers, body }, handler);
  });
}

type Answered = { endedAtMs: number; status: number; retryAfter: string | string[] | undefined };

class Exchange implements Dispatcher.DispatchHandler {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #mayBegin: () => boolean;
  readonly #monotonicMs: () => number;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #body: ResponseBody = createResponseBody();
  #timer: NodeJS.Timeout;
  /** Known from the moment in which the request is written. */
  #controller: Dispatcher.DispatchController | undefined;
  #answered: Answered | undefined;
  #settled = false;

  constructor(
    connection: Connection,
    { timeoutMs, mayBegin }: Pick<Outgoing, 'timeoutMs' | 'mayBegin'>,
    monotonicMs: () => number,
    resolve: (outcome: Outcome) => void,
  ) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#mayBegin = mayBegin;
    this.#monotonicMs = monotonicMs;
    this.#resolve = resolve;
    // undici has no deadline that counts connecting, queueing and interim answers together, and its own fire late.
    this.#timer = setTimeout(() => this.#onDeadline(), timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (!this.#settled && !this.#mayBegin()) this.#settle(new CalledOff());
    // Aborted in here, before undici has written a byte.
    if (this.#settled) controller.abort(new Error('the attempt was over before its connection was free'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 || this.#settled) return;
    this.#answered = { endedAtMs: this.#monotonicMs(), status, retryAfter: headers['retry-after'] };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cut(), bodyWithinMs);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#body.take(chunk)) this.#cut();
  }

  onResponseEnd(): void {
    this.#settle();
  }

  /** Also called by an abort of ours. */
  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#settle(error);
  }

  #onDeadline(): void {
    if (!this.#controller) {
      this.#settle(new ConnectFailure('timeout', `no connection within ${this.#timeoutMs} ms`));
      // undici cannot take back what it has queued. Behind a request of another attempt it ends in onRequestStart.
      if (this.#connection.client.stats.running === 0) this.#connection.discard();
      return;
    }
    // An event loop that was held up may find the answer waiting in the socket, which it reads before this.
    setImmediate(() => {
      if (this.#answered) return;
      this.#settle(new ConnectFailure('timeout', `no answer within ${this.#timeoutMs} ms`));
      this.#cut();
    });
  }

  /** Closes the connection: nothing more is wanted from it. */
  #cut(): void {
    this.#controller?.abort(new Error('no longer waited for'));
  }

  #settle(error?: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    if (this.#answered) this.#resolve({ ...this.#answered, body: this.#body.text() });
    else this.#resolve({ endedAtMs: this.#monotonicMs(), error });
  }
}
