// Shows how the endpoints of this instance stand: each of few, of many the worst, and always all together.

import { worst } from './bounds.ts';
import type { Instruments } from './instruments.ts';

const states = ['ACTIVE', 'RETRYING', 'PAUSED', 'LOADING'] as const;

export type EndpointFigures = {
  id: string;
  state: (typeof states)[number];
  /** How many events wait for it. Null: it is not known now. */
  backlog: number | null;
  /** For how long the first of them waits, in ms; 0: none does. Null: it is not known now. */
  oldestMs: number | null;
  blockedLines: number;
  /** How many events of the log stay for it, whether they are for it or not. */
  kept: number;
};

/** The states of which an operator wants to know first come last. */
const rank = (figures: EndpointFigures) => states.indexOf(figures.state === 'LOADING' ? 'ACTIVE' : figures.state);

export function createEndpointMetrics({ gauge, gaugeBy }: Instruments) {
  const few = 'With more than 200 endpoints only the worst 200 are here.';
  const showState = gaugeBy('endpoint_state', `1 for the state in which the endpoint is. ${few}`, [
    'endpoint',
    'state',
  ]);
  const showBacklog = gaugeBy('backlog', `Events that wait for the endpoint. ${few}`, ['endpoint']);
  const showOldest = gaugeBy(
    'oldest_unsettled_seconds',
    `For how long the first event that waits for the endpoint waits; 0 when none does. ${few}`,
    ['endpoint'],
  );
  const showBlocked = gaugeBy('blocked_lines', `Lines of the endpoint that wait for a retry, or are held. ${few}`, [
    'endpoint',
  ]);
  const showKept = gaugeBy(
    'log_kept_events',
    'How many events of the log stay for the endpoint that is farthest behind, which the label names.',
    ['endpoint'],
  );
  const showEnabled = gauge('enabled_endpoints', 'Endpoints of the configuration in force that are enabled.');
  const showServed = gaugeBy('served_endpoints', 'Endpoints that this instance serves, by state.', ['state']);
  const showAllBacklogs = gauge('served_backlog', 'Events that wait for endpoints of this instance, all together.');
  const showAllBlocked = gauge('served_blocked_lines', 'Blocked lines of this instance, all together.');

  return {
    show(all: readonly EndpointFigures[], enabled: number): void {
      showEnabled(enabled);
      showServed(
        states.map((state) => ({ labels: { state }, value: all.filter((one) => one.state === state).length })),
      );
      showAllBacklogs(sum(all, ({ backlog }) => backlog ?? 0));
      showAllBlocked(sum(all, ({ blockedLines }) => blockedLines));
      showState(worst(all, rank).map(({ id, state }) => ({ labels: { endpoint: id, state }, value: 1 })));
      showBacklog(figuresOf(all, ({ backlog }) => backlog));
      showOldest(figuresOf(all, ({ oldestMs }) => (oldestMs === null ? null : oldestMs / 1_000)));
      showBlocked(figuresOf(all, ({ blockedLines }) => blockedLines));
      const last = all.reduce<EndpointFigures | null>(
        (one, other) => (one && one.kept >= other.kept ? one : other),
        null,
      );
      showKept(last && last.kept > 0 ? [{ labels: { endpoint: last.id }, value: last.kept }] : []);
    },
  };
}

function sum(all: readonly EndpointFigures[], valueOf: (one: EndpointFigures) => number): number {
  return all.reduce((total, one) => total + valueOf(one), 0);
}

function figuresOf(all: readonly EndpointFigures[], valueOf: (one: EndpointFigures) => number | null) {
  return worst(all, valueOf).map((one) => ({ labels: { endpoint: one.id }, value: valueOf(one)! }));
}
