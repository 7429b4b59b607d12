// Wakes the other instances by way of Valkey. This only saves time: without it, as when Valkey is away, each instance looks
// by itself within a second.

import { retryDelaysMs } from '../policy/retry-delays.ts';
import { openValkey, problemOf } from './valkey.ts';

const kinds = ['relay', 'change'] as const;

/** `relay`: an event without a position was committed. `change`: of leases, the configuration, or endpoints' stored states. */
export type WakeKind = (typeof kinds)[number];

export type Wakes = AsyncDisposable & {
  /** Wakes all others. Of many calls at one time some are sent as one. */
  wakeOthers(kind: WakeKind): void;
  /** Calls the listener when another instance wakes this one. One listener a kind. */
  onWake(kind: WakeKind, listener: () => void): void;
  /** What Valkey says when it refuses wakes; null also when it does not answer at all. */
  check(): Promise<string | null>;
};

const commandTimeoutMs = 1_000;

const noWakes: Wakes = {
  wakeOthers() {},
  onWake() {},
  check: () => Promise.resolve(null),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** `from` names this instance, which does not wake itself. Without a `url` nobody is woken. */
export function openWakes({ url, prefix, from }: { url: string | null; prefix: string; from: string }): Wakes {
  if (url === null) return noWakes;
  const channel = `${prefix}:wakes`;
  const publisher = openValkey({ url, commandTimeoutMs, onProblem: () => {} });
  const subscriber = openValkey({ url, commandTimeoutMs, onProblem: () => {} });
  const listeners = new Map<WakeKind, () => void>();
  const inFlight = new Set<WakeKind>();
  const again = new Set<WakeKind>();
  let closed = false;
  let refused: string | null = null;
  let subscribing: NodeJS.Timeout | undefined;

  /** Tried again: who may not subscribe now may be allowed to later. */
  function subscribe(): void {
    clearTimeout(subscribing);
    subscriber.subscribe(channel).then(
      () => (refused = null),
      (error: unknown) => {
        refused = problemOf(error);
        if (!closed && refused !== null) subscribing = setTimeout(subscribe, retryDelaysMs.stream);
      },
    );
  }

  subscriber.on('ready', subscribe);
  subscriber.on('message', (_channel: string, message: string) => {
    const [kind, sender] = message.split(' ');
    const known = kinds.find((one) => one === kind);
    if (known && sender !== from && !closed) listeners.get(known)?.();
  });

  function wakeOthers(kind: WakeKind): void {
    if (closed) return;
    if (inFlight.has(kind)) {
      again.add(kind);
      return;
    }
    inFlight.add(kind);
    void publisher
      .publish(channel, `${kind} ${from}`)
      .catch(() => {})
      .finally(() => {
        inFlight.delete(kind);
        if (again.delete(kind)) wakeOthers(kind);
      });
  }

  return {
    wakeOthers,
    onWake: (kind, listener) => void listeners.set(kind, listener),
    async check() {
      // A kind that nobody knows.
      const answer = publisher.publish(channel, `probe ${from}`);
      return await answer.then(() => refused, problemOf);
    },
    [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(subscribing);
      publisher.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}
