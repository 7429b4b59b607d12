// Tells the other instances, by way of Valkey, that there is something to look at. Only ever sooner: whoever hears nothing,
// because Valkey is away or forgot, looks by itself within a second.

import { openValkey } from './valkey.ts';

const kinds = ['relay', 'change'] as const;

/** `relay`: an event was committed that has no position; `change`: of leases, the configuration, or what is stored of endpoints. */
export type WakeKind = (typeof kinds)[number];

export type Wakes = AsyncDisposable & {
  /** Tells everybody else; of many calls at a time some are made one. */
  tell(kind: WakeKind): void;
};

const commandTimeoutMs = 1_000;

/** `from` names this instance, which does not hear itself. */
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
  const underWay = new Set<WakeKind>();
  const again = new Set<WakeKind>();
  let closed = false;

  subscriber.on('ready', () => void subscriber.subscribe(channel).catch(() => {}));
  subscriber.on('message', (_channel: string, message: string) => {
    const [kind, sender] = message.split(' ');
    const known = kinds.find((one) => one === kind);
    if (known && sender !== from && !closed) onWake(known);
  });

  function tell(kind: WakeKind): void {
    if (closed) return;
    if (underWay.has(kind)) {
      again.add(kind);
      return;
    }
    underWay.add(kind);
    void publisher
      .publish(channel, `${kind} ${from}`)
      .catch(() => {})
      .finally(() => {
        underWay.delete(kind);
        if (again.delete(kind)) tell(kind);
      });
  }

  return {
    tell,
    [Symbol.asyncDispose]() {
      closed = true;
      publisher.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}
