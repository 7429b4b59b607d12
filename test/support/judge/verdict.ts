// What the judge found: each wrong as a sentence, their counts by kind, and what it had to excuse.

const kinds = [
  'lost',
  'disordered',
  'overlapping',
  'duplicated',
  'wrongly signed',
  'wrong body',
  'phantom',
  'unrecorded',
  'wrongly recorded',
] as const;

export type WrongKind = (typeof kinds)[number];

export type Verdict = {
  /** Each begins with its kind and whom it is about. */
  wrongs: string[];
  counts: Record<WrongKind, number>;
  /** Accepted requests for what the endpoint had accepted before, excused or not. */
  repeats: number;
  /** Requests that were sent and not recorded at a halt of their process. */
  inFlightAtHalts: number;
  /** Of stopped processes: requests that came after their successor's, and that nothing else excuses. */
  late: number;
  /** The longest time in which a steady endpoint had an event and got none; it ended `at`. */
  longestStall: { ms: number; endpoint: string; position: number; at: number };
};

export type Say = (kind: WrongKind, sentence: string) => void;

export function blankVerdict(): Verdict {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Verdict['counts'];
  const longestStall = { ms: 0, endpoint: '', position: 0, at: 0 };
  return { wrongs: [], counts, repeats: 0, inFlightAtHalts: 0, late: 0, longestStall };
}

/** How to say that something about `whom` is wrong. */
export function sayOf({ wrongs, counts }: Verdict, whom: string): Say {
  return (kind, sentence) => {
    counts[kind] += 1;
    wrongs.push(`${kind}: ${whom}: ${sentence}`);
  };
}
