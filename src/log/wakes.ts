// Wakes the other instances by way of Valkey. This only saves time: without it, as when Valkey is away, each instance looks
// by itself within a second.

import { openValkey } from './valkey.ts';

const kinds = ['relay', 'change'] as const;

/** `relay`: an event without a position was committed. `change`: of leases, the configuration, or endpoints' stored states. */
export type WakeKind = (typeof kinds)[number];

export type Wakes = AsyncDisposable & {
  /** Wakes all others. Of many calls at one time some are sent as one. */
  wakeOthers(kind: WakeKind): void;
};

const commandTimeoutMs = 1_000;

/** `from` names this instance, which does not wake itself. */
export function openWakes({
  url,
  prefix,
  from,
  onWake,
}: {
  url: string;
  prefix: string;
  from: string;
  onWake(kind: WakeKind): void;
}): Wakes {
  const channel = `${prefix}:wakes`;
  const publisher = openValkey({ url, commandTimeoutMs, onProblem: () => {} });
  const subscriber = openValkey({ url, commandTimeoutMs, onProblem: () => {} });
  const inFlight = new Set<WakeKind>();
  const again = new Set<WakeKind>();
  let closed = false;

  subscriber.on('ready', () => void subscriber.subscribe(channel).catch(() => {}));
  subscriber.on('message', (_channel: string, message: string) => {
    const [kind, sender] = message.split(' ');
    const known = kinds.find((one) => one === kind);
    if (known && sender !== from && !closed) onWake(known);
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
    [Symbol.asyncDispose]() {
      closed = true;
      publisher.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}
