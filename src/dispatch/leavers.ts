// Counts the turns that are out of actors that were removed: a new actor of that name waits until they are back. Pure.

export type Leavers = {
  has(endpointId: string): boolean;
  ids(): Iterable<string>;
  leave(endpointId: string): void;
  /** Returns whether it was the last one. */
  comeBack(endpointId: string): boolean;
};

export function createLeavers(): Leavers {
  const out = new Map<string, number>();

  return {
    has: (endpointId) => out.has(endpointId),
    ids: () => out.keys(),
    leave: (endpointId) => void out.set(endpointId, (out.get(endpointId) ?? 0) + 1),
    comeBack(endpointId) {
      const left = out.get(endpointId)! - 1;
      if (left > 0) out.set(endpointId, left);
      else out.delete(endpointId);
      return left === 0;
    },
  };
}
