// Counts what turns bring back: the attempts of each endpoint by outcome, how long they took, replays, and the turns themselves.

import { isNamed } from './bounds.ts';
import type { Instruments, Labelled } from './instruments.ts';

export type EndedTurn = {
  endpointId: string;
  origin: 'line' | 'replay' | 'test';
  /** Its thread died. What only that thread knew is not counted. */
  isLost: boolean;
  /** Attempts that were delivered, all before the one that failed. */
  delivered: number;
  failed: 'retrying' | 'failed' | null;
  /** Of each of these attempts, in their order. */
  latenciesMs: readonly number[];
};

const outcomes = ['delivered', 'retrying', 'failed'] as const;

type Counts = Record<(typeof outcomes)[number], number>;

/** In seconds: up to the longest time-out that an endpoint may have. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300];

export function createAttemptMetrics({ countedBy, counterBy, histogramBy }: Instruments) {
  const showAttempts = countedBy(
    'attempts_total',
    'Attempts that were made here and are recorded, by outcome. With more than 200 endpoints it has no label endpoint.',
    ['endpoint', 'outcome'],
  );
  const observe = histogramBy('attempt_duration_seconds', 'How long an attempt took, connecting included.', {
    label: 'outcome',
    values: outcomes,
    buckets,
  });
  const countBeside = counterBy('replay_attempts_total', 'Attempts of replays, which are among all attempts.', {
    label: 'outcome',
    values: outcomes,
  });
  const countTurn = counterBy('turns_total', 'Turns that have ended: all delivered, with a failure, or lost.', {
    label: 'end',
    values: ['delivered', 'failure', 'lost'],
  });
  const all = none();
  const counts = new Map<string, Counts>();

  function countsOf(endpointId: string): Counts {
    let found = counts.get(endpointId);
    if (!found) counts.set(endpointId, (found = none()));
    return found;
  }

  function add(to: Counts, { delivered, failed }: EndedTurn): void {
    to.delivered += delivered;
    if (failed !== null) to[failed] += 1;
  }

  return {
    count(turn: EndedTurn): void {
      const { origin, isLost, delivered, failed, latenciesMs } = turn;
      countTurn(isLost ? 'lost' : failed === null ? 'delivered' : 'failure');
      add(all, turn);
      add(countsOf(turn.endpointId), turn);
      for (const [index, latencyMs] of latenciesMs.entries()) {
        observe(index < delivered ? 'delivered' : failed!, latencyMs / 1_000);
      }
      if (origin !== 'replay') return;
      if (delivered > 0) countBeside('delivered', delivered);
      if (failed !== null) countBeside(failed);
    },

    /** `enabled`: ids of all endpoints; of others nothing is kept. `served`: of those that this instance serves. */
    show(enabled: readonly string[], served: readonly string[]): void {
      const present = new Set(enabled);
      for (const endpointId of counts.keys()) if (!present.has(endpointId)) counts.delete(endpointId);
      if (!isNamed(enabled.length)) return showAttempts(figuresOf(all, {}));
      for (const endpointId of served) countsOf(endpointId);
      showAttempts([...counts].flatMap(([endpoint, each]) => figuresOf(each, { endpoint })));
    },
  };
}

function none(): Counts {
  return { delivered: 0, retrying: 0, failed: 0 };
}

function figuresOf(counts: Counts, labels: Record<string, string>): Labelled[] {
  return outcomes.map((outcome) => ({ labels: { ...labels, outcome }, value: counts[outcome] }));
}
