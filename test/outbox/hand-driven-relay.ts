// The relay's steps on a clock that the test moves, with batches that the test answers.

import type { LogEntry } from '../../src/log/entry.ts';
import { type Numbered, type RelayMode, createRelaySteps } from '../../src/outbox/relay-steps.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';
import { relayMode } from './relay-modes.ts';

export const nothing: Numbered = { entries: [], position: 0, seq: 0, cut: false, highestSeq: 0, publishers: [] };
export const batch = (first: number, count: number, given: Partial<Numbered> = {}): Numbered => ({
  entries: entriesFrom(first, count),
  position: first + count - 1,
  seq: first + count - 1,
  cut: false,
  highestSeq: first + count - 1,
  publishers: [],
  ...given,
});

/** A relay whose batches wait until the test answers them. */
export function start(is: RelayMode['is']) {
  const time = createSimulatedTime();
  const batches: { at: number; above: number; server: string; answer(numbered: Numbered | null): void }[] = [];
  const appended: number[] = [];
  const reported: number[] = [];
  const relay = createRelaySteps({
    now: time.now,
    schedule: (delayMs, callback) => time.at(delayMs, callback),
    number(above, server, done) {
      const entry = {
        at: time.now(),
        above,
        server,
        answer(numbered: Numbered | null) {
          batches.splice(batches.indexOf(entry), 1);
          done(numbered);
        },
      };
      batches.push(entry);
    },
    append: (entries: readonly LogEntry[]) => void appended.push(...entries.map(({ position }) => position)),
  });
  relay.onNumbered(({ position }) => reported.push(position));
  relay.setMode(relayMode(is));
  return {
    relay,
    batches,
    appended,
    reported,
    pass: time.pass,
    now: time.now,
    answer: (numbered: Numbered | null = nothing) => batches[0]!.answer(numbered),
  };
}

/** One that leads, after its first look. */
export function startLeading() {
  const world = start('leads');
  world.answer();
  return world;
}

/** One that looks only above seq 900. */
export function startBounded() {
  const world = startLeading();
  const all = { ...nothing, highestSeq: 900 };
  while (world.batches.length === 0 || world.batches[0]!.above < 900) {
    if (world.batches.length > 0) world.answer(all);
    world.pass(100);
  }
  world.answer(all);
  return world;
}
