// Shows the process: its processor time, its memory, and how late its event loop is.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Counter, Gauge } from './prom-client.ts';
import type { Instruments } from './instruments.ts';

/** It looks at the event loop so often. What it measures counts from one look to the next. */
const resolutionMs = 10;

export type ProcessMetrics = Disposable & { show(): void };

/** The first three by the names that every Prometheus client library gives them. */
export function openProcessMetrics({ registry, gauge }: Instruments): ProcessMetrics {
  const registers = [registry];
  const processor = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time of all threads.',
    registers,
  });
  const memory = new Gauge({ name: 'process_resident_memory_bytes', help: 'Memory that is resident.', registers });
  const started = new Gauge({ name: 'process_start_time_seconds', help: 'When it started, in Unix time.', registers });
  const showHeap = gauge('heap_used_bytes', 'What the main thread holds in its heap.');
  const showMedian = gauge('event_loop_delay_p50_seconds', 'Median delay of the main event loop since the last look.');
  const showHigh = gauge('event_loop_delay_p99_seconds', 'The 99th percentile of that delay.');
  const showHighest = gauge('event_loop_delay_max_seconds', 'The longest of these delays.');
  started.set(performance.timeOrigin / 1_000);
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();

  /** In seconds, of nanoseconds. While it has measured nothing it says so by a huge or no number. */
  const delay = (ns: number) => (delays.count === 0 ? 0 : Math.max(0, ns / 1e9 - resolutionMs / 1e3));

  return {
    show() {
      const { user, system } = process.cpuUsage();
      processor.reset();
      processor.inc((user + system) / 1e6);
      const { rss, heapUsed } = process.memoryUsage();
      memory.set(rss);
      showHeap(heapUsed);
      showMedian(delay(delays.percentile(50)));
      showHigh(delay(delays.percentile(99)));
      showHighest(delay(delays.max));
      delays.reset();
    },
    [Symbol.dispose]: () => void delays.disable(),
  };
}
