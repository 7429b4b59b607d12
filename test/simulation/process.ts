// One simulated process of the service: it crashes, is stopped and goes on, and sleeps with its machine.

import type { Time } from './time.ts';

export type Process = ReturnType<typeof createProcess>;

/** `id` names this run of it. */
export function createProcess({ time, id, number }: { time: Time; id: string; number: number }) {
  let alive = true;
  let stoppedUntil = 0;
  /** What its monotonic clock is behind, as that stops while the machine sleeps. */
  let slept = 0;
  let wakesAt = 0;

  const now = () => (time.now() < wakesAt ? wakesAt : time.now()) - slept;

  function deliver(callback: () => void): void {
    if (!alive) return;
    if (time.now() < stoppedUntil) time.after(stoppedUntil - time.now(), () => deliver(callback));
    else callback();
  }

  return {
    id,
    number,
    get alive() {
      return alive;
    },
    get isStopped() {
      return time.now() < stoppedUntil;
    },
    /** Since when nothing stopped it. */
    get goesOnSince() {
      return stoppedUntil;
    },
    /** Its monotonic clock. */
    now,
    /** Its wall clock, which is nobody else's. */
    wall: () => time.now() + number * 3_600_000,
    /** Calls back when its own clock has gone on by as much. */
    after(delayMs: number, callback: () => void): () => void {
      const due = now() + delayMs;
      let isCancelled = false;
      const look = () => {
        if (!alive || isCancelled) return;
        const left = Math.max(stoppedUntil - time.now(), due - now());
        if (left > 0) time.after(left, look);
        else callback();
      };
      const cancel = time.after(delayMs, look);
      return () => {
        isCancelled = true;
        cancel();
      };
    },
    /** Calls back when something from outside has reached it. */
    hear(delayMs: number, callback: () => void): void {
      time.after(delayMs, () => deliver(callback));
    },
    crash(): void {
      alive = false;
    },
    /** Stops it, as SIGSTOP does: its clock goes on. */
    stop(ms: number): void {
      stoppedUntil = Math.max(stoppedUntil, time.now() + ms);
    },
    /** Sends its machine to sleep: the monotonic clock stops, the wall clock does not. */
    sleep(ms: number): void {
      if (time.now() < stoppedUntil) return;
      stoppedUntil = time.now() + ms;
      wakesAt = stoppedUntil;
      slept += ms;
    },
    goOn(): void {
      stoppedUntil = Math.min(stoppedUntil, time.now());
      if (wakesAt <= time.now()) return;
      slept -= wakesAt - time.now();
      wakesAt = time.now();
    },
  };
}
