// Asks Postgres regularly, several times within a lease's time to live, and sooner when it is told to. Pure.
//
// One heartbeat, while the stream has not been checked: read the stream's last entry, ask Postgres, hand over the answer.
// Otherwise it asks Postgres alone. One heartbeat is under way at a time.

import type { HeartbeatAnswer, HeartbeatPorts, HeartbeatQuestion } from './instance-ports.ts';
import type { Known } from './log-check.ts';

type Clocks = { wall: number; now: number };

/** What was asked, when (monotonic), and whether the stream's last entry was read before. */
export type Asked = { question: HeartbeatQuestion; at: number; streamIsRead: boolean };

export type Heartbeat = {
  /** Asks now, or once more when the heartbeat under way has ended. */
  ask(): void;
  /** The stream must be compared with the database again. */
  distrustStream(): void;
  /** Whether the stream's last entry was compared with the database. */
  readonly streamIsChecked: boolean;
  stop(): void;
};

export function createHeartbeat({
  ports,
  everyMs,
  maxClockGapMs,
  question,
  onLast,
  onAnswer,
  onMissed,
  onDoubt,
}: {
  ports: HeartbeatPorts;
  everyMs: number;
  /** When the wall clock and the monotonic one differ by more, the machine was suspended, or its clock was set. */
  maxClockGapMs: number;
  question(): HeartbeatQuestion;
  /** Gets the stream's last entry, before the question is made. */
  onLast(last: Known | null): void;
  onAnswer(answer: HeartbeatAnswer, asked: Asked): void;
  /** The heartbeat failed, or the machine was suspended before its answer came. */
  onMissed(): void;
  /** The machine was suspended: leases that were trusted before may have run out. */
  onDoubt(): void;
}): Heartbeat {
  let streamIsChecked = false;
  /** Raised with each doubt about the stream: what was read of it before the doubt proves nothing. */
  let doubts = 0;
  let isAsking = false;
  let again = false;
  let stopped = false;
  let cancel: (() => void) | null = null;
  let clocks: Clocks | null = null;

  const readClocks = (): Clocks => ({ wall: ports.wall(), now: ports.now() });

  function wasSuspended(before: Clocks, after: Clocks): boolean {
    return Math.abs(after.wall - before.wall - (after.now - before.now)) > maxClockGapMs;
  }

  function ask(): void {
    if (stopped) return;
    if (isAsking) {
      again = true;
      return;
    }
    isAsking = true;
    again = false;
    cancel?.();
    cancel = null;
    if (streamIsChecked || !ports.streamReady()) return askDatabase(null);
    const before = doubts;
    // The stream first and the database second. Otherwise an event that is numbered in between would look like a lost one.
    ports.readLast((found) => {
      onLast(found?.last ?? null);
      askDatabase(found && before);
    });
  }

  /** `doubtsAtRead`: the doubts there were when the stream was read; null when it was not read. */
  function askDatabase(doubtsAtRead: number | null): void {
    const asked = readClocks();
    if (clocks && wasSuspended(clocks, asked)) onDoubt();
    clocks = asked;
    const asking = question();
    ports.heartbeat(asking, (answer) => {
      isAsking = false;
      if (stopped) return;
      const answered = readClocks();
      const isVoid = wasSuspended(asked, answered);
      cancel = ports.schedule(again || isVoid ? 0 : Math.max(0, asked.now + everyMs - answered.now), ask);
      if (isVoid) onDoubt();
      if (answer && !isVoid) {
        const streamIsRead = doubtsAtRead === doubts;
        streamIsChecked ||= streamIsRead;
        onAnswer(answer, { question: asking, at: asked.now, streamIsRead });
      } else {
        distrustStream();
        onMissed();
      }
    });
  }

  function distrustStream(): void {
    streamIsChecked = false;
    doubts += 1;
  }

  return {
    ask,
    distrustStream,
    get streamIsChecked() {
      return streamIsChecked;
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
