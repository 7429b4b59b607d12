// Counts what each client holds of something that there is a limited amount of.

export type Shares = {
  /** Takes so much for the client. Its own share is looked at first: `client` and `all` say which of the two is used up. */
  take(client: string, amount: number): 'taken' | 'client' | 'all';
  /** Gives back what was taken. */
  release(client: string, amount: number): void;
};

/** One client holds at most `each`, and all together at most `all`. */
export function createShares({ each, all }: { each: number; all: number }): Shares {
  const held = new Map<string, number>();
  let total = 0;
  return {
    take(client, amount) {
      const own = (held.get(client) ?? 0) + amount;
      if (own > each) return 'client';
      if (total + amount > all) return 'all';
      held.set(client, own);
      total += amount;
      return 'taken';
    },
    release(client, amount) {
      const left = (held.get(client) ?? 0) - amount;
      if (left > 0) held.set(client, left);
      else held.delete(client);
      total -= amount;
    },
  };
}
