// Counts what becomes of an instance's leases and heartbeats, and shows what it has: slots, threads, rows, and its configuration.

import type { Instruments } from './instruments.ts';

export type InstanceFigures = {
  /** Leases that it holds now. */
  shards: number;
  leadsRelay: boolean;
  configuration: { version: number; standsAside: string | null };
  /** Turns that run, and endpoints that wait for a slot. */
  turns: Record<'fast' | 'slow', { running: number; waiting: number; slots: number }>;
  /** Endpoints that read from the table, because they are behind. */
  lagging: number;
  /** What events and replays take of the memory. */
  windowBytes: number;
};

export type ThreadFigures = {
  threads: number;
  answering: number;
  /** Rows of attempts that are not durable yet. */
  rows: number;
  /** For how long no row could be written; 0: they can. */
  rowsStuckMs: number;
  /** Of each thread, how long its event loop was busy since it started. */
  active: readonly { thread: number; ms: number }[];
};

export function createInstanceMetrics({ gauge, gaugeBy, counterBy, countedBy }: Instruments) {
  const showLeases = gaugeBy('leases', 'Leases that this instance holds, of the 64 shards and of the relay.', ['of']);
  const countLeases = counterBy('lease_changes_total', 'Leases that this instance took, gave back or lost.', {
    label: 'change',
    values: ['taken', 'given_back', 'lost'],
  });
  const countHeartbeat = counterBy('heartbeats_total', 'Heartbeats that Postgres answered, or did not.', {
    label: 'outcome',
    values: ['answered', 'missed'],
  });
  const showVersion = gauge('configuration_version', 'The version of the configuration that is in force here.');
  const showAside = gauge('stands_aside', '1 while this instance serves no endpoint because of its configuration.');
  const showRunning = gaugeBy('turns_running', 'Turns that run now. One that is slow takes another kind of slot.', [
    'kind',
  ]);
  const showWaiting = gaugeBy('turns_waiting', 'Endpoints that have something to send and wait for a slot.', ['kind']);
  const showSlots = gaugeBy('slots', 'How many turns of each kind may run at once.', ['kind']);
  const showLagging = gauge('lagging_endpoints', 'Endpoints that are behind, and read from the table.');
  const showWindows = gauge(
    'window_bytes',
    'What the events and replays that are about to be sent take of the memory.',
  );
  const showThreads = gauge('threads', 'How many delivery threads there should be.');
  const showAnswering = gauge('threads_answering', 'How many delivery threads answered within a second.');
  const showRows = gauge('rows_waiting', 'Attempts that were made and whose rows are not written yet.');
  const showStuck = gauge('rows_stuck_seconds', 'For how long no row could be written; 0 while they can.');
  const showActive = countedBy('thread_active_seconds_total', 'How long the event loop of each thread was busy.', [
    'thread',
  ]);

  return {
    countLeases,
    countHeartbeat: (isAnswered: boolean) => countHeartbeat(isAnswered ? 'answered' : 'missed'),

    showInstance({ shards, leadsRelay, configuration, turns, lagging, windowBytes }: InstanceFigures): void {
      showLeases([
        { labels: { of: 'shards' }, value: shards },
        { labels: { of: 'relay' }, value: Number(leadsRelay) },
      ]);
      showVersion(configuration.version);
      showAside(Number(configuration.standsAside !== null));
      const byKind = (what: 'running' | 'waiting' | 'slots') =>
        (['fast', 'slow'] as const).map((kind) => ({ labels: { kind }, value: turns[kind][what] }));
      showRunning(byKind('running'));
      showWaiting(byKind('waiting'));
      showSlots(byKind('slots'));
      showLagging(lagging);
      showWindows(windowBytes);
    },

    showThreads({ threads, answering, rows, rowsStuckMs, active }: ThreadFigures): void {
      showThreads(threads);
      showAnswering(answering);
      showRows(rows);
      showStuck(rowsStuckMs / 1_000);
      showActive(active.map(({ thread, ms }) => ({ labels: { thread: String(thread) }, value: ms / 1_000 })));
    },
  };
}
