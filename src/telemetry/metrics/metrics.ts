// All figures of a service: what its parts count from its start on, and what is looked at when somebody asks.

import { createApiMetrics } from './api-metrics.ts';
import { createAttemptMetrics } from './attempt-metrics.ts';
import { type EndpointFigures, createEndpointMetrics } from './endpoint-metrics.ts';
import { type InstanceFigures, type ThreadFigures, createInstanceMetrics } from './instance-metrics.ts';
import { createInstruments } from './instruments.ts';
import { type LogFigures, createLogMetrics } from './log-metrics.ts';
import { openProcessMetrics } from './process-metrics.ts';

/** Each is asked once for each answer. All but the last two are in memory. */
export type Looks = {
  /** Ids of the endpoints that are enabled, whoever serves them. */
  enabled(): readonly string[];
  endpoints(): readonly EndpointFigures[];
  instance(): InstanceFigures;
  log(): Omit<LogFigures, 'stored'>;
  /** Within a second or so. */
  stored(): Promise<LogFigures['stored']>;
  threads(): Promise<ThreadFigures>;
};

/** A text in the format of Prometheus. */
export type Scrape = () => Promise<string>;

export type Metrics = ReturnType<typeof openMetrics>;

/** However often it is asked, so long is one text good for. */
const keptMs = 250;

export function openMetrics({ version }: { version: string }) {
  const instruments = createInstruments();
  const attempts = createAttemptMetrics(instruments);
  const endpoints = createEndpointMetrics(instruments);
  const instance = createInstanceMetrics(instruments);
  const log = createLogMetrics(instruments);
  const api = createApiMetrics(instruments);
  const own = openProcessMetrics(instruments);
  instruments.gaugeBy('build_info', 'Always 1; the label is the version that runs.', ['version'])([
    { labels: { version }, value: 1 },
  ]);

  return {
    turn: attempts.count,
    leases: instance.countLeases,
    heartbeat: instance.countHeartbeat,
    numbered: log.numbered,
    read: log.read,
    keptBeyond: log.keptBeyond,
    operation: api.operation,
    signIn: api.signIn,

    /** A function that gives the text. Who asks while one is made, or within `keptMs` after that, gets the same. */
    scrapeOf(looks: Looks): Scrape {
      return oneAtATime(async () => {
        const [stored, threads] = await Promise.all([looks.stored(), looks.threads()]);
        const enabled = looks.enabled();
        const served = looks.endpoints();
        attempts.show(
          enabled,
          served.map(({ id }) => id),
        );
        endpoints.show(served, enabled.length);
        instance.showInstance(looks.instance());
        instance.showThreads(threads);
        log.show({ ...looks.log(), stored });
        own.show();
        return await instruments.registry.metrics();
      });
    },
    [Symbol.dispose]: () => own[Symbol.dispose](),
  };
}

function oneAtATime<T>(make: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | null = null;
  const forget = () => (kept = null);
  return async () => {
    if (kept !== null) return await kept;
    const made = make();
    kept = made;
    made.then(() => setTimeout(forget, keptMs).unref(), forget);
    return await made;
  };
}
