// The turns of endpoints whose actors were removed, and who waits until an endpoint has no turn in flight. Pure.
//
// An actor has at most one turn. The turn of a removed actor drains: it goes on to its end, and the endpoint's next actor
// waits for that.

export type TurnsInFlight = {
  isDraining(endpointId: string): boolean;
  /** The endpoints with a draining turn. */
  draining(): Iterable<string>;
  /** Its actor is removed while the turn runs. */
  drain(endpointId: string): void;
  /** A draining turn has ended. Returns whether it was the endpoint's last one. */
  endDraining(endpointId: string): boolean;
  /** Calls back when no turn of the endpoint is in flight: at once when none is. */
  whenNone(endpointId: string, callback: () => void): void;
  /** A turn has ended: calls those who wait if it was the endpoint's last one. */
  turnEnded(endpointId: string): void;
};

/** `isRunning`: whether the endpoint's present actor has a turn. */
export function createTurnsInFlight(isRunning: (endpointId: string) => boolean): TurnsInFlight {
  const draining = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  const isNone = (endpointId: string) => !isRunning(endpointId) && !draining.has(endpointId);

  return {
    isDraining: (endpointId) => draining.has(endpointId),
    draining: () => draining.keys(),
    drain: (endpointId) => void draining.set(endpointId, (draining.get(endpointId) ?? 0) + 1),
    endDraining(endpointId) {
      const left = draining.get(endpointId)! - 1;
      if (left > 0) draining.set(endpointId, left);
      else draining.delete(endpointId);
      return left === 0;
    },
    whenNone(endpointId, callback) {
      if (isNone(endpointId)) callback();
      else waiting.set(endpointId, [...(waiting.get(endpointId) ?? []), callback]);
    },
    turnEnded(endpointId) {
      if (!waiting.has(endpointId) || !isNone(endpointId)) return;
      const callbacks = waiting.get(endpointId)!;
      waiting.delete(endpointId);
      for (const callback of callbacks) callback();
    },
  };
}
