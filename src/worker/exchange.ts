// One POST on one connection: the request is sent at most once, and its response is awaited within one deadline.

import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Connection } from './connections.ts';
import { ConnectFailure } from '../egress/connect-failure.ts';
import type { Opening } from '../egress/guard.ts';
import { withoutValues } from './hidden-values.ts';
import { type ResponseBody, createResponseBody } from './response-body.ts';
import { keptHeaders } from './response-headers.ts';

export type Outgoing = {
  /** Names and values in turn. */
  headers: string[];
  body: Buffer;
  /** From connecting to the end of the final headers. */
  timeoutMs: number;
  /** Not kept of what comes back. */
  secretValues?: readonly string[];
  /** Asked when the connection is open, just before the first byte. */
  mayBegin(): boolean;
};

/**
 * How far the exchange came; `endedAtMs` is by the monotonic clock. `opening`: of the connection that was opened for it, as
 * far as that came.
 */
export type Exchanged =
  /** Nothing was sent: the attempt may no longer begin. */
  | { stage: 'before sending' }
  /** Failed without a response. The endpoint may have got the request. */
  | { stage: 'no response'; endedAtMs: number; opening: Opening | null; error: unknown }
  /** `endedAtMs`: the final headers were complete. */
  | ({ stage: 'response'; opening: Opening | null; body: string | null } & ResponseHead);

type ResponseHead = {
  endedAtMs: number;
  status: number;
  retryAfter: string | string[] | undefined;
  /** All that are kept, as they are stored; null for a 2xx. */
  headers: string | null;
};

/** The body may take this long after the headers; it changes nothing. */
const bodyWithinMs = 1_000;

/** Never rejects; resolves once the connection is free again, or closed. */
export function exchange(connection: Connection, outgoing: Outgoing, monotonicMs: () => number): Promise<Exchanged> {
  const { headers, body } = outgoing;
  return new Promise((resolve) => {
    const handler = new Exchange(connection, outgoing, monotonicMs, resolve);
    connection.client.dispatch({ method: 'POST', path: connection.path, headers, body }, handler);
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #mayBegin: () => boolean;
  readonly #secretValues: readonly string[] | undefined;
  readonly #monotonicMs: () => number;
  readonly #resolve: (exchanged: Exchanged) => void;
  readonly #body: ResponseBody = createResponseBody();
  #timer: NodeJS.Timeout;
  /** Set when the request is about to be written. */
  #controller: Dispatcher.DispatchController | undefined;
  #opening: Opening | null = null;
  #head: ResponseHead | undefined;
  #settled = false;

  constructor(
    connection: Connection,
    { timeoutMs, mayBegin, secretValues }: Omit<Outgoing, 'headers' | 'body'>,
    monotonicMs: () => number,
    resolve: (exchanged: Exchanged) => void,
  ) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#mayBegin = mayBegin;
    this.#secretValues = secretValues;
    this.#monotonicMs = monotonicMs;
    this.#resolve = resolve;
    // undici has no deadline over connecting, queueing and interim responses together, and its own timers fire late.
    this.#timer = setTimeout(() => this.#onDeadline(), timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#opening = this.#connection.takeOpening();
    if (!this.#settled && !this.#mayBegin()) this.#settle({ stage: 'before sending' });
    // An abort in this callback comes before undici writes a byte.
    if (this.#settled) controller.abort(new Error('the attempt was over before its connection was free'));
    else this.#connection.begin();
  }

  onResponseStart({ rawHeaders }: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 || this.#settled) return;
    this.#head = {
      endedAtMs: this.#monotonicMs(),
      status,
      retryAfter: headers['retry-after'],
      headers: status <= 299 ? null : keptHeaders(rawHeaders as Buffer[], this.#secretValues),
    };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cut(), bodyWithinMs);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#body.take(chunk)) this.#cut();
  }

  onResponseEnd(): void {
    this.#end();
  }

  /** Also called after our own abort. */
  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  #onDeadline(): void {
    if (!this.#controller) {
      this.#end(new ConnectFailure('timeout', `no connection within ${this.#timeoutMs} ms`));
      // undici cannot remove a queued request. Behind another attempt's request it ends in onRequestStart.
      if (this.#connection.client.stats.running === 0) this.#connection.discard();
      return;
    }
    // After a busy event loop the response may already wait in the socket; it is read before this callback.
    setImmediate(() => {
      if (this.#head) return;
      this.#end(new ConnectFailure('timeout', `no answer within ${this.#timeoutMs} ms`));
      this.#cut();
    });
  }

  /** Closes the connection; the rest of the response is not needed. */
  #cut(): void {
    this.#controller?.abort(new Error('no longer waited for'));
  }

  #end(error?: Error): void {
    // Before the request could begin, its connection is what failed.
    const opening = this.#controller || this.#settled ? this.#opening : this.#connection.takeOpening();
    const text = this.#body.text();
    const body = text === null ? null : withoutValues(text, this.#secretValues);
    if (this.#head) this.#settle({ stage: 'response', ...this.#head, opening, body });
    else this.#settle({ stage: 'no response', endedAtMs: this.#monotonicMs(), opening, error });
  }

  #settle(exchanged: Exchanged): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#resolve(exchanged);
  }
}
