// How fast waiting events are delivered and recorded, beside others that send the same bodies: rows 1 to 4, 6 and 7.

import { insertEvents, readExpected } from '../backlog.ts';
import { demandRight } from '../check.ts';
import { makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import type { ReceiverOptions } from '../receiver.ts';
import type { Figure, FigureLine, Row, RowOptions } from '../row.ts';
import { type OtherSide, openOther } from '../sides/others.ts';
import { type Run, costOfAll, rateOf } from '../sides/run.ts';
import { type Drained, drain, headOf, untilAttempted } from '../sides/tidings-side.ts';
import { type Stage, openStage, threads } from '../stage.ts';
import { startTidings } from '../tidings.ts';

export type Beside = {
  name: Parameters<typeof openOther>[1];
  /** Least of our rate by its rate. */
  rate: number;
  /** Most of our processor time a delivery by its own. */
  cost?: number;
  /** It gets no more events than these, where it is so slow that more would take minutes. */
  mostEvents?: number;
};

export type DrainOptions = {
  name: string;
  measure: string;
  events: number;
  endpoints: number;
  /** Every event is for every endpoint; else for one of them. */
  isFanOut?: boolean;
  receiver?: ReceiverOptions;
  beside: readonly Beside[];
  /** Whether a start with as many waiting is measured after the last pair. */
  restarts?: boolean;
};

/** Each side does as much before the first pair, so that its code is compiled and its connections are open. */
const warmUp = 2_000;

export function drainRow(drainOptions: DrainOptions): Row {
  return {
    name: drainOptions.name,
    measure: (ground, options) => measure(drainOptions, ground, options),
  };
}

type Round = { ours: Drained; others: Map<string, Run> };

async function measure(row: DrainOptions, ground: Ground, options: RowOptions): Promise<Figure> {
  const { events, beside, isFanOut = false } = row;
  const endpoints = makeEndpoints(row.endpoints, { all: isFanOut ? 'bench.all' : null });
  const { profileDirectory, say } = options;
  const stage = await openStage(ground, endpoints, { profileDirectory, receiver: row.receiver ?? {} });
  const others = new Map<string, OtherSide>();
  for (const { name } of beside) others.set(name, await openOther(ground, name, stage));

  const perEvent = isFanOut ? row.endpoints : 1;
  await runRound(stage, { ...row, events: Math.ceil(warmUp / perEvent), perEvent }, others);
  const rounds: Round[] = [];
  for (let pair = 1; pair <= options.pairs; pair += 1) {
    const round = await runRound(stage, { ...row, perEvent }, others);
    rounds.push(round);
    const rates = [...round.others].map(([name, run]) => `${name} ${perSecond(rateOf(run))}`);
    say(`pair ${pair}: Tidings ${perSecond(rateOf(round.ours))}, ${rates.join(', ')}`);
  }

  const ours = rounds.map((round) => round.ours);
  const restart = row.restarts ? await measureRestart(ground, stage, events) : null;
  const fromCommit = median(ours.map(({ deliveries, secondsFromCommit }) => deliveries / secondsFromCommit));
  return {
    lines: beside.flatMap((one) => linesOf(row.measure, one, rounds)),
    notes: [
      `receiver: ${stage.receiver.name}; delivery threads: ${threads}; LOG_LEVEL: the default, to a file; Valkey: ${stage.valkeyUrl ? 'yes' : 'none installed'}`,
      `from the commit, the time until the relay looks included: ${perSecond(fromCommit)}`,
      ...(restart
        ? [
            `after a restart with as many waiting: ready in ${restart.readySeconds.toFixed(1)} s, all recorded ${restart.seconds.toFixed(1)} s after the process began`,
          ]
        : []),
      `processor time a delivery, last pair: ${describe(ours.at(-1)!.cpuUs)}`,
      ...beside.map(({ name }) => `${name}: ${describe(rounds.at(-1)!.others.get(name)!.cpuUs)}`),
    ],
    details: {
      ...{ events, endpoints: row.endpoints, perEvent, threads, receiver: stage.receiver.name, ...stage.versions },
      pairs: rounds.map((round) => ({ ours: round.ours, others: Object.fromEntries(round.others) })),
      restart,
    },
  };
}

/** Our side, then the others with the same events; each is checked before it counts. */
async function runRound(
  stage: Stage,
  row: DrainOptions & { perEvent: number },
  others: ReadonlyMap<string, OtherSide>,
): Promise<Round> {
  const { orm, endpoints, receiver } = stage;
  const { events, perEvent, beside } = row;
  const after = await headOf(orm);
  const insert = () => insertEvents(orm, endpoints, events);
  const ours = await drain(stage, { events, deliveries: events * perEvent, insert });
  const expected = await readExpected(orm, after);
  demandRight('Tidings', { endpoints, expected, received: await receiver.take() });
  const runs = new Map<string, Run>();
  for (const [name, side] of others) {
    const mostEvents = beside.find((one) => one.name === name)!.mostEvents ?? events;
    const some = expected.slice(0, mostEvents);
    runs.set(name, await side.send(some));
    demandRight(name, { endpoints, expected: some, received: await receiver.take(), isOrdered: side.isOrdered });
  }
  return { ours, others: runs };
}

function linesOf(measured: string, { name, rate, cost }: Beside, rounds: readonly Round[]): FigureLine[] {
  const theirs = rounds.map(({ others }) => others.get(name)!);
  const ours = rounds.map((round) => round.ours);
  const rates = median(rounds.map((round, index) => rateOf(round.ours) / rateOf(theirs[index]!)));
  const lines: FigureLine[] = [
    {
      measure: measured,
      measured: perSecond(median(ours.map(rateOf))),
      beside: `${perSecond(median(theirs.map(rateOf)))} (${name})`,
      ratio: rates,
      reach: `>= ${rate.toFixed(2)}`,
      reached: rates >= rate,
    },
  ];
  if (cost === undefined) return lines;
  const costs = median(rounds.map((round, index) => costOfAll(round.ours) / costOfAll(theirs[index]!)));
  lines.push({
    measure: 'processor time a delivery, all processes',
    measured: `${median(ours.map(costOfAll)).toFixed(0)} µs`,
    beside: `${median(theirs.map(costOfAll)).toFixed(0)} µs (${name})`,
    ratio: costs,
    reach: `<= ${cost.toFixed(2)}`,
    reached: costs <= cost,
  });
  return lines;
}

/** The same backlog met by a new process: what its start, its cold code and cold reads cost. */
async function measureRestart(ground: Ground, { tidings, options, orm, endpoints, receiver }: Stage, events: number) {
  await tidings.stop();
  const after = await headOf(orm);
  await insertEvents(orm, endpoints, events);
  const startedAtMs = Date.now();
  const again = await startTidings(ground, { ...options, profileDirectory: null });
  const { lastAtMs } = await Promise.race([untilAttempted(again.allAttempts(), events), again.ended]);
  const expected = await readExpected(orm, after);
  demandRight('Tidings after a restart', { endpoints, expected, received: await receiver.take() });
  return { readySeconds: again.readyMs / 1_000, seconds: (lastAtMs - startedAtMs) / 1_000 };
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}

function describe(cpuUs: Record<string, number>): string {
  const parts = Object.entries(cpuUs).toSorted(([, one], [, other]) => other - one);
  return parts.map(([name, us]) => `${name} ${us} µs`).join(', ');
}
