// Asks the database in time, several times within a lease's time to live, and sooner when told to. Pure.

import type { Known } from './log-check.ts';
import type { BeatAnswer, BeatPorts, BeatQuestion } from './instance-ports.ts';

type Clocks = { wall: number; now: number };

/** What a beat asked, when (monotonic), and whether the hot tail's last entry was read before. */
export type Asked = { question: BeatQuestion; at: number; hotIsRead: boolean };

export type Beats = {
  /** Asks now, or once more when the beat that is under way has ended. */
  beat(): void;
  /** What was read of the hot tail was not compared with the database. */
  distrustHot(): void;
  /** Whether its last entry was compared. */
  readonly hotIsChecked: boolean;
  stop(): void;
};

export function createBeats({
  ports,
  everyMs,
  apartMs,
  question,
  onLast,
  onAnswer,
  onMissed,
  onDoubt,
}: {
  ports: BeatPorts;
  everyMs: number;
  /** A wall clock and a monotonic one that went apart by more: the machine stood still, or its clock was set. */
  apartMs: number;
  question(): BeatQuestion;
  /** Hears the hot tail's last entry, before the question that it goes into. */
  onLast(last: Known | null): void;
  onAnswer(answer: BeatAnswer, asked: Asked): void;
  /** A beat failed, or its answer came over a machine that stood still. */
  onMissed(): void;
  /** The machine stood still: what was promised before may be over. */
  onDoubt(): void;
}): Beats {
  let hotIsChecked = false;
  /** Raised by what speaks against the hot tail: a reading from before says nothing. */
  let doubts = 0;
  let beating = false;
  let again = false;
  let stopped = false;
  let cancel: (() => void) | null = null;
  let clocks: Clocks | null = null;

  const read = (): Clocks => ({ wall: ports.wall(), now: ports.now() });

  function stoodStill(before: Clocks, after: Clocks): boolean {
    return Math.abs(after.wall - before.wall - (after.now - before.now)) > apartMs;
  }

  function beat(): void {
    if (stopped) return;
    if (beating) {
      again = true;
      return;
    }
    beating = true;
    again = false;
    cancel?.();
    cancel = null;
    if (hotIsChecked || !ports.hotReady()) return ask(null);
    const before = doubts;
    // The hot tail first and the database second: an event numbered in between must not look like one that never was.
    ports.readLast((found) => {
      onLast(found?.last ?? null);
      ask(found && before);
    });
  }

  /** `hotReadAt`: the doubts there were when the hot tail was read; null when it was not. */
  function ask(hotReadAt: number | null): void {
    const asked = read();
    if (clocks && stoodStill(clocks, asked)) onDoubt();
    clocks = asked;
    const asking = question();
    ports.beat(asking, (answer) => {
      beating = false;
      if (stopped) return;
      const answered = read();
      const isVoid = stoodStill(asked, answered);
      cancel = ports.schedule(again || isVoid ? 0 : Math.max(0, asked.now + everyMs - answered.now), beat);
      if (isVoid) onDoubt();
      if (answer && !isVoid) {
        const hotIsRead = hotReadAt === doubts;
        hotIsChecked ||= hotIsRead;
        onAnswer(answer, { question: asking, at: asked.now, hotIsRead });
      } else {
        distrustHot();
        onMissed();
      }
    });
  }

  function distrustHot(): void {
    hotIsChecked = false;
    doubts += 1;
  }

  return {
    beat,
    distrustHot,
    get hotIsChecked() {
      return hotIsChecked;
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
