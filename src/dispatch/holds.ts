// Endpoints that are held: no turn of theirs begins, and whoever holds them hears when none is out any more.

export type Holds = {
  has(endpointId: string): boolean;
  /** Holds an endpoint; each hold is released once. `still` is called by the next `tell`. */
  add(endpointId: string, still: () => void): void;
  release(endpointId: string): void;
  /** Tells those who hold the endpoint that no turn of its is out. */
  tell(endpointId: string): void;
};

export function createHolds(): Holds {
  const holds = new Map<string, { count: number; waiting: (() => void)[] }>();

  return {
    has: (endpointId) => holds.has(endpointId),
    add(endpointId, still) {
      const hold = holds.get(endpointId) ?? { count: 0, waiting: [] };
      hold.count += 1;
      hold.waiting.push(still);
      holds.set(endpointId, hold);
    },
    release(endpointId) {
      const hold = holds.get(endpointId)!;
      hold.count -= 1;
      if (hold.count === 0) holds.delete(endpointId);
    },
    tell(endpointId) {
      for (const still of holds.get(endpointId)?.waiting.splice(0) ?? []) still();
    },
  };
}
