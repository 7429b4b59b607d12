// The kinds of figures that /metrics has, in the registry of one service.
//
// A counter and a histogram count where something happens. A gauge, and what is counted elsewhere, is set when it is asked for.

import { Counter, Gauge, Histogram, Registry } from './prom-client.ts';

/** A figure of a label's values, by the label's name. */
export type Labelled = { labels: Record<string, string>; value: number };

export type Instruments = ReturnType<typeof createInstruments>;

/** The names without `tidings_`. Each `values` are all that a label has, and each of them is there from the beginning. */
export function createInstruments() {
  const registry = new Registry();
  const named = (name: string, help: string) => ({ name: `tidings_${name}`, help, registers: [registry] });

  return {
    registry,

    counter(name: string, help: string): (by?: number) => void {
      const counter = new Counter(named(name, help));
      return (by = 1) => counter.inc(by);
    },

    counterBy<Value extends string>(
      name: string,
      help: string,
      { label, values }: { label: string; values: readonly Value[] },
    ): (value: Value, by?: number) => void {
      const counter = new Counter({ ...named(name, help), labelNames: [label] });
      for (const value of values) counter.inc({ [label]: value }, 0);
      return (value, by = 1) => counter.inc({ [label]: value }, by);
    },

    /** Of labels whose values are not known before. */
    counterByAll<Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[],
    ): (labels: Record<Label, string>) => void {
      const counter = new Counter({ ...named(name, help), labelNames });
      return (labels) => counter.inc(labels, 1);
    },

    histogram(name: string, help: string, buckets: readonly number[]): (value: number) => void {
      const histogram = new Histogram({ ...named(name, help), buckets: [...buckets] });
      return (value) => histogram.observe(value);
    },

    histogramBy<Value extends string>(
      name: string,
      help: string,
      { label, values, buckets }: { label: string; values: readonly Value[]; buckets: readonly number[] },
    ): (value: Value, observed: number) => void {
      const histogram = new Histogram({ ...named(name, help), labelNames: [label], buckets: [...buckets] });
      for (const value of values) histogram.zero({ [label]: value });
      return (value, observed) => histogram.observe({ [label]: value }, observed);
    },

    /** Null: it is not known now, and left out. */
    gauge(name: string, help: string): (value: number | null) => void {
      const gauge = new Gauge(named(name, help));
      return (value) => {
        if (value === null) gauge.remove();
        else gauge.set(value);
      };
    },

    /** It is as it was set last: what is not in `figures` is left out. */
    gaugeBy(name: string, help: string, labelNames: readonly string[]): (figures: readonly Labelled[]) => void {
      const gauge = new Gauge({ ...named(name, help), labelNames });
      return (figures) => {
        gauge.reset();
        for (const { labels, value } of figures) gauge.set(labels, value);
      };
    },

    /** What somebody else counts, as it is now. */
    countedBy(name: string, help: string, labelNames: readonly string[]): (figures: readonly Labelled[]) => void {
      const counter = new Counter({ ...named(name, help), labelNames });
      return (figures) => {
        counter.reset();
        for (const { labels, value } of figures) counter.inc(labels, value);
      };
    },
  };
}
