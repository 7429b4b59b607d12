// How an endpoint went over an hour, a day or a week: deliveries by outcome, latency, backlog.

import { useMemo } from 'preact/hooks';
import { asked, go, withQuery } from '../address.ts';
import { type Bucket, type Window, bucketsDocument, endpointTotalsDocument } from '../documents/endpoint.ts';
import { count, counted, latency, percent } from '../formats.ts';
import { now } from '../parts/ago.tsx';
import { Part, Problems } from '../parts/part.tsx';
import { Plot } from '../parts/plot.tsx';
import { useAnswer } from '../use-answer.ts';

const windows = {
  HOUR: { word: 'Hour', ms: 3_600_000, buckets: 60 },
  DAY: { word: 'Day', ms: 86_400_000, buckets: 96 },
  WEEK: { word: 'Week', ms: 604_800_000, buckets: 84 },
} as const satisfies Record<Window, object>;

export function EndpointPlots({ endpointId }: { endpointId: string }) {
  const window = (Object.keys(windows) as Window[]).find((name) => name === asked('window').toUpperCase()) ?? 'HOUR';
  const { ms, buckets } = windows[window];
  // Whole minutes, so that a question is another one only once a minute.
  const minute = Math.floor(now.value / 60_000) * 60_000;
  const [since, until] = [new Date(minute - ms).toISOString(), new Date(minute + 60_000).toISOString()];
  const stats = useAnswer(bucketsDocument, { endpointId, since, until, buckets });
  const totals = useAnswer(endpointTotalsDocument, { id: endpointId, window }, { everyMs: 30_000 });
  const choice = (
    <div class="choice" role="group" aria-label="Window">
      {(Object.keys(windows) as Window[]).map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === window}
          onClick={() => go(withQuery({ window: name === 'HOUR' ? '' : name.toLowerCase() }), { replace: true })}
        >
          {windows[name].word}
        </button>
      ))}
    </div>
  );
  const total = totals.data?.webhookEndpoint?.stats;
  return (
    <Part title="How it went" asked={stats} controls={choice}>
      {({ webhookStats }) => (
        <>
          <Problems of={totals.problems} />
          {total ? (
            <p>
              {counted(total.attempts, 'attempt')}
              {total.attempts === 0 ? '' : `, ${percent(total.delivered, total.attempts)} delivered`};{' '}
              {counted(total.gaveUp, 'event')} given up.
              {total.latencyP50Ms === null ? '' : ` Latency: half within ${latency(total.latencyP50Ms)}`}
              {total.latencyP95Ms === null ? '' : `, 95 % within ${latency(total.latencyP95Ms)}`}
              {total.latencyP99Ms === null ? '' : `, 99 % within ${latency(total.latencyP99Ms)}.`}
            </p>
          ) : null}
          <Plots buckets={webhookStats} window={windows[window].word.toLowerCase()} />
        </>
      )}
    </Part>
  );
}

const whole = (value: number) => count(Math.round(value));

function Plots({ buckets, window }: { buckets: readonly Bucket[]; window: string }) {
  const { times, outcomes, latencies, backlog } = useMemo(() => seriesOf(buckets), [buckets]);
  return (
    <div class="plots">
      <Plot caption={`Attempts by outcome, last ${window}.`} times={times} series={outcomes} write={whole} />
      <Plot caption={`Latency of attempts, last ${window}.`} times={times} series={latencies} write={latency} />
      <Plot caption={`Events that waited, last ${window}.`} times={times} series={backlog} write={whole} />
    </div>
  );
}

function seriesOf(buckets: readonly Bucket[]) {
  const values = (of: (bucket: Bucket) => number | null) => buckets.map(of);
  return {
    times: buckets.map(({ start }) => start),
    outcomes: [
      { name: 'delivered', colour: 'good', values: values(({ delivered }) => delivered) },
      { name: 'retrying', colour: 'warn', dash: [6, 3], values: values(({ retrying }) => retrying) },
      { name: 'failed', colour: 'bad', dash: [2, 3], values: values(({ failed }) => failed) },
    ],
    latencies: [
      { name: 'p50', colour: 'good', values: values(({ latencyP50Ms }) => latencyP50Ms) },
      { name: 'p95', colour: 'warn', dash: [6, 3], values: values(({ latencyP95Ms }) => latencyP95Ms) },
      { name: 'p99', colour: 'bad', dash: [2, 3], values: values(({ latencyP99Ms }) => latencyP99Ms) },
    ],
    backlog: [{ name: 'waiting', colour: 'accent', values: values(({ backlog: number }) => number) }],
  };
}
