// Counts what happens to the log: positions that are given, and what is read from the stream (hot) and from the table (cold).

import type { Instruments } from './instruments.ts';

export type LogFigures = {
  /** What this instance has read. */
  readTo: number;
  /** Whether Valkey's stream can be used. */
  streamReady: boolean;
  relay: { stuckMs: number };
  /** What Postgres says now; null: it does not answer. */
  stored: { head: number; unnumbered: number; oldestMs: number } | null;
};

/** What retention had to keep although it is old, and for whom. */
export type KeptBeyond = { table: string; endpoints: readonly string[] };

/** In seconds. A look of the relay's comes each 0.1 s at the latest. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Of each table, as many as retention looks for. */
const mostKept = 30;

export function createLogMetrics({ gauge, gaugeBy, counter, counterBy, histogram }: Instruments) {
  const sources = { label: 'from', values: ['stream', 'table'] as const };
  const countNumbered = counter('events_numbered_total', 'Events to which this instance gave their positions.');
  const observeLag = histogram(
    'relay_lag_seconds',
    'From the recording of an event to its position, of the first event of each batch.',
    buckets,
  );
  const countReads = counterBy('log_reads_total', 'Reads of the log that brought events.', sources);
  const countEvents = counterBy(
    'log_events_read_total',
    'Events that were read, from the stream in Valkey (hot) or from the table in Postgres (cold).',
    sources,
  );
  const showReadTo = gauge('log_read_position', 'Up to which position this instance has read the log.');
  const showHead = gauge('log_head_position', "The log's last position. Left out while Postgres does not answer.");
  const showStream = gauge('stream_ready', '1 while events can be read from the stream in Valkey.');
  const showStuck = gauge('relay_stuck_seconds', 'For how long this instance could give no positions; 0 while it can.');
  const showUnnumbered = gauge(
    'unnumbered_events',
    'Committed events that have no position yet, exact to 100,000. Left out while Postgres does not answer.',
  );
  const showOldest = gauge(
    'oldest_unnumbered_seconds',
    'For how long the first of these events waits for its position; 0 when there is none.',
  );
  const showKept = gaugeBy(
    'kept_beyond_retention',
    '1 for each table of which an old part had to stay, and the endpoint that still needs it.',
    ['table', 'endpoint'],
  );

  return {
    numbered(events: number, lagMs: number): void {
      countNumbered(events);
      observeLag(Math.max(0, lagMs) / 1_000);
    },
    read(from: (typeof sources.values)[number], events: number): void {
      if (events === 0) return;
      countReads(from);
      countEvents(from, events);
    },
    keptBeyond(kept: readonly KeptBeyond[]): void {
      const all = kept.flatMap(({ table, endpoints }) =>
        (endpoints.length > 0 ? endpoints : ['']).map((endpoint) => ({ labels: { table, endpoint }, value: 1 })),
      );
      showKept(all.slice(0, mostKept));
    },
    show({ readTo, streamReady, relay, stored }: LogFigures): void {
      showReadTo(readTo);
      showStream(Number(streamReady));
      showStuck(relay.stuckMs / 1_000);
      showHead(stored && stored.head);
      showUnnumbered(stored && stored.unnumbered);
      showOldest(stored && stored.oldestMs / 1_000);
    },
  };
}
