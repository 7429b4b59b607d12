// Follows the deliveries as they are recorded: no row is drawn for each one, and none is missed by a lost connection.

import { type ReadonlySignal, batch, signal } from '@preact/signals';
import { type Problem, answerIn, openStream, refusedAsUnknown } from './api.ts';
import { type DeliveryRow, type DeliveryStatus, type Recorded, recordedDocument } from './documents/deliveries.ts';
import { createEventReader } from './server-sent-events.ts';

/** More than anybody reads at a glance; older ones are in the list of deliveries. */
const mostRows = 50;
/** Rows are drawn so often at most, however many come. */
const drawnEachMs = 100;
/** The count for those who hear it is said less often. */
const countedEachMs = 5_000;
const reconnectMs = 2_000;

export type Shown = {
  /** Newest first. */
  rows: readonly DeliveryRow[];
  /** How many came since the list holds still. */
  fresh: number;
  isHeld: boolean;
};

export type Tail = {
  shown: ReadonlySignal<Shown>;
  counted: ReadonlySignal<number>;
  connection: ReadonlySignal<string>;
  problems: ReadonlySignal<readonly Problem[]>;
  /** While true the list stays as it is. */
  hold(isHeld: boolean): void;
  /** Shows what is new although the list is held. */
  showNew(): void;
  close(): void;
};

export type TailFilter = { endpointId: string | null; status: DeliveryStatus | null };

export function openTail(filter: TailFilter): Tail {
  const shown = signal<Shown>({ rows: [], fresh: 0, isHeld: false });
  const counted = signal(0);
  const connection = signal('Connecting');
  const problems = signal<readonly Problem[]>([]);
  const closing = new AbortController();
  /** Newest first. */
  let arrived: DeliveryRow[] = [];
  let [total, fresh] = [0, 0];
  let cursor: string | null = null;
  let drawing: ReturnType<typeof setTimeout> | undefined;

  function take({ cursor: at, delivery }: Recorded['webhookDeliveryRecorded']): void {
    cursor = at;
    arrived.unshift(delivery);
    if (arrived.length > mostRows) arrived.length = mostRows;
    total += 1;
    fresh += 1;
    drawing ??= setTimeout(() => requestAnimationFrame(draw), drawnEachMs);
  }

  function draw(): void {
    drawing = undefined;
    if (closing.signal.aborted) return;
    const { isHeld, rows } = shown.value;
    if (isHeld) {
      shown.value = { rows, fresh, isHeld };
      return;
    }
    show();
  }

  function show(): void {
    const { rows, isHeld } = shown.value;
    shown.value = { rows: [...arrived, ...rows].slice(0, mostRows), fresh: 0, isHeld };
    arrived = [];
    fresh = 0;
  }

  const counting = setInterval(() => (counted.value = total), countedEachMs);

  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      const isFatal = await read().catch((error: unknown) => {
        if (!closing.signal.aborted) say('The connection is lost, and tried again', [asProblem(error)]);
        return false;
      });
      if (isFatal) return;
      await rest(reconnectMs, closing.signal);
    }
  }

  /** Until the stream ends. True when the service refuses what is asked. */
  async function read(): Promise<boolean> {
    const response = await openStream(recordedDocument, { ...filter, after: cursor }, closing.signal);
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    if (!isStream || response.body === null) return refused(await response.text(), response.status);
    say('Connected', []);
    const reader = createEventReader();
    for await (const piece of piecesOf(response.body)) {
      for (const { event, data } of reader(piece)) {
        if (event !== 'next') continue;
        const answer = answerIn<Recorded>(data, response.status);
        if (answer.problems.length > 0) return refused(data, response.status);
        if (answer.data !== null) take(answer.data.webhookDeliveryRecorded);
      }
    }
    say('The connection is lost, and tried again', []);
    return false;
  }

  function refused(text: string, status: number): boolean {
    const answer = answerIn<Recorded>(text, status);
    const codes = answer.problems.map(({ code }) => code);
    if (codes.includes('UNAUTHENTICATED')) refusedAsUnknown.value += 1;
    // The cursor is too old, or from a database that was replaced: from now on, then.
    if (codes.includes('BAD_USER_INPUT') && cursor !== null) {
      cursor = null;
      return false;
    }
    say('Not connected', answer.problems);
    return !codes.some((code) => code === 'UNREACHABLE' || code === 'UNAVAILABLE' || code === 'RATE_LIMITED');
  }

  function say(text: string, found: readonly Problem[]): void {
    batch(() => {
      connection.value = text;
      problems.value = found;
    });
  }

  void follow();
  return {
    ...{ shown, counted, connection, problems, showNew: show },
    hold(isHeld) {
      if (isHeld === shown.value.isHeld) return;
      shown.value = { ...shown.value, isHeld };
      if (!isHeld) draw();
    },
    close() {
      closing.abort();
      clearInterval(counting);
      clearTimeout(drawing);
    },
  };
}

async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function rest(ms: number, closing: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  closing.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

function asProblem(error: unknown): Problem {
  return { code: 'UNREACHABLE', message: error instanceof Error ? error.message : String(error) };
}
