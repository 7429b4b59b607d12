// Says of events that got their positions when the relay gave them.

import type { LogEntry } from '../log/entry.ts';
import type { Traces } from '../telemetry/traces.ts';

/** One span for all events that were recorded together. `begunMs`: the relay's look began, in Unix milliseconds. */
export function traceNumbered(traces: Traces, entries: readonly LogEntry[], begunMs: number): void {
  for (const [context, events] of Map.groupBy(entries, traces.contextOf)) {
    const [first] = events;
    if (first!.traceparent === null) traces.rootOf(first!);
    const relayed = traces.begin({
      name: 'relay',
      kind: 'internal',
      parent: context,
      startMs: begunMs,
      attributes: {
        'messaging.system': 'tidings',
        'messaging.batch.message_count': events.length,
        'tidings.position.first': first!.position,
        'tidings.position.last': events.at(-1)!.position,
      },
    });
    relayed.end();
  }
}
