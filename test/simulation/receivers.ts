// The simulated receivers: they accept, refuse, hang, and accept without their answer coming back.

import type { Time } from './time.ts';

/** One request, from the thread that made it to what came of it. */
export type Request = {
  /** Of the row that tells of it. */
  row: number;
  endpoint: string;
  eventId: string;
  position: number;
  previous: number | null;
  generation: number;
  resumes: number;
  item: string | null;
  attempt: number;
  /** Which run of which process sent it. */
  by: string;
  lease: { index: number; epoch: number };
  sentAt: number;
  arrivedAt: number | null;
  accepted: boolean;
  /** Whether the answer came back in time. */
  answered: boolean;
  /** How long its sender waited for that. */
  afterMs: number;
  /** Decided on by one that had not heard of the last restore. */
  isOfOldHistory: boolean;
  /** It went out, or was on its way, when its sender had lost its lease, or its thread had died. */
  isZombie: boolean;
};

/** The status that comes back after `afterMs`, or null: none. */
export type Reaction = { arrives: boolean; accepted: boolean; status: number | null; afterMs: number };

export type Receivers = ReturnType<typeof createReceivers>;

export function createReceivers({ time, chance }: { time: Time; chance(): number }) {
  const failing = new Map<string, { until: number; share: number }>();
  const slow = new Map<string, number>();
  const gone = new Set<string>();

  return {
    /** Until a connection is there: mostly one is kept. */
    connectMs: (endpoint: string): number => ((slow.get(endpoint) ?? 0) > time.now() ? chance() * 5_000 : chance()),
    react(endpoint: string, timeoutMs: number): Reaction {
      const trouble = failing.get(endpoint);
      const afterMs = 1 + chance() * ((slow.get(endpoint) ?? 0) > time.now() ? timeoutMs * 1.2 : 30);
      if (afterMs > timeoutMs) return { arrives: true, accepted: true, status: null, afterMs: timeoutMs };
      if (gone.delete(endpoint)) return { arrives: true, accepted: false, status: 410, afterMs };
      if (!trouble || time.now() >= trouble.until || chance() >= trouble.share) {
        return { arrives: true, accepted: true, status: 204, afterMs };
      }
      const which = chance();
      if (which < 0.6) return { arrives: true, accepted: false, status: 503, afterMs };
      if (which < 0.8) return { arrives: false, accepted: false, status: null, afterMs };
      return { arrives: true, accepted: true, status: null, afterMs };
    },
    failFor(endpoint: string, ms: number, share: number): void {
      failing.set(endpoint, { until: time.now() + ms, share });
    },
    slowFor: (endpoint: string, ms: number) => void slow.set(endpoint, time.now() + ms),
    /** Its next answer is 410. */
    leave: (endpoint: string) => void gone.add(endpoint),
    heal(): void {
      failing.clear();
      slow.clear();
      gone.clear();
    },
  };
}
