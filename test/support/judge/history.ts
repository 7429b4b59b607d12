// What the judge is told: the log, what each endpoint is to get of it, what its receiver saw, and what may excuse what.

export type LoggedEvent = { id: string; position: number; bodySha: string };

/** What an endpoint is to get, in order: all of its events, those of one generation, or one replay. */
export type Line = {
  endpoint: string;
  /** Tells it from the other lines of its endpoint, where there are some. */
  line?: string;
  /** When it began: a request that was sent before is none of its. Without it nobody knows. */
  begunAt?: number;
  /** Each is to come, and none before those in front of it are settled. */
  events: readonly LoggedEvent[];
  /** Whether another event may come at any time, or not at all; without it none may. */
  mayTake?(eventId: string): boolean;
  /** The position that the first request names as the one before it; null when those headers are not judged. */
  before: number | null;
  /** Whether all of it must have come: not so of a generation that a rewind has ended. */
  isWhole: boolean;
  /** A refusal of the attempt of this number settles its event; without it the rows alone tell which one does. */
  mostAttempts?: number;
  /** Whether it answers whatever it is asked, at once: how long it waits for its events is the sender's doing alone. */
  isSteady?: boolean;
};

/** One request as its receiver saw it; times are monotonic milliseconds. */
export type SeenRequest = {
  endpoint: string;
  line?: string;
  eventId: string;
  position: number;
  /** Null without the header. */
  previous: number | null;
  attempt: number;
  /** Within it no number of an attempt is given twice, where more than the number tells attempts apart. */
  run?: string;
  bodySha: string;
  signed: boolean;
  /** The process that sent it: every start is another one. Null where nobody says. */
  sender: string | null;
  /** When it was whole. */
  begunAt: number;
  /** When it was sent, where it may have been long on its way. */
  sentAt?: number;
  /** When it was answered or its connection broke; null for one that was open to the last. */
  endedAt: number | null;
  /** Null when it was not answered. */
  status: number | null;
  /** Known from inside to come from a process that had lost its lease or its history: it may come at any time. */
  isLate?: boolean;
};

/** One row of an attempt. */
export type RecordedAttempt = {
  endpoint: string;
  line?: string;
  eventId: string;
  position: number;
  attempt: number;
  run?: string;
  status: string;
  /** Whether an answer had come. */
  answered: boolean;
  /** It is no attempt: an admin gave the event up, and from then on it is settled. */
  isSkip?: boolean;
  /** In monotonic milliseconds. */
  recordedAt: number;
};

/** What keeps a process from recording what it has sent, until it goes on. */
export type Halt = {
  how: 'killed' | 'stopped' | 'lost a lease' | 'lost a thread' | 'lost Postgres' | 'lost rows';
  sender: string;
  /** Without it all of the process's endpoints are meant. */
  endpoint?: string;
  at: number;
  /** Null for never. */
  goesOnAt: number | null;
};

/**
 * Why a request may be repeated, or be unrecorded. Where it is known which process was halted when, each request needs its
 * own cause; else a number of crashes excuses so many runs of repeats.
 */
export type Causes = { halts: readonly Halt[] } | { crashes: number };

export type History = {
  /** In the order of positions. */
  events: readonly LoggedEvent[];
  /** The position after which the log begins, 0 without it. */
  after?: number;
  /** Positions that are recorded to have no event. */
  gaps?: readonly { first: number; last: number }[];
  lines: readonly Line[];
  /** In the order in which they were whole. */
  requests: readonly SeenRequest[];
  /** In the order in which they were recorded; null when rows are not judged. */
  attempts: readonly RecordedAttempt[] | null;
  /** When each event was first known to be there: that its publisher was told so. */
  acknowledged: ReadonlyMap<string, number>;
  /** When the publication of each event was asked for. */
  askedAt?: ReadonlyMap<string, number>;
  causes: Causes;
};

/** Requests that may be sent but not recorded yet: 16 answers, and the one on the wire. */
export const mostInFlight = 17;

export function isAccepted({ status }: Pick<SeenRequest, 'status'>): boolean {
  return status !== null && status >= 200 && status <= 299;
}

/** One that was open to the last ends after all others. */
export function endOf({ endedAt }: Pick<SeenRequest, 'endedAt'>): number {
  return endedAt ?? Infinity;
}

/** Which line it belongs to. */
export function lineOf({ endpoint, line }: { endpoint: string; line?: string }): string {
  return line === undefined ? endpoint : `${endpoint}, ${line}`;
}

/** Which attempt of its line it is. */
export function attemptOf({ eventId, attempt, run }: { eventId: string; attempt: number; run?: string }): string {
  return `${eventId}, attempt ${attempt}${run === undefined ? '' : ` of ${run}`},`;
}
