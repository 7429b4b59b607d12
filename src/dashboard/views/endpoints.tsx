// All endpoints, the worst first.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { asked, go, withQuery } from '../address.ts';
import type { EndpointRow, EndpointState } from '../documents/endpoints.ts';
import { type SortName, firstBy, sortNames, sortingOf, successOf } from '../endpoint-list.ts';
import { count, countTo10000, counted, latency, percent } from '../formats.ts';
import { Ago } from '../parts/ago.tsx';
import { Filters } from '../parts/filters.tsx';
import { Mark } from '../parts/mark.tsx';
import { Problems, Title } from '../parts/part.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';
import { sparkOf, wantSpark } from '../sparks.ts';
import { useEndpoints } from '../use-endpoints.ts';

const columns: readonly Column<EndpointRow>[] = [
  {
    name: 'id',
    head: 'Endpoint',
    cell: ({ id, description, url }) => (
      <>
        <a data-row href={linkTo('endpoints', id)}>
          {id}
        </a>
        <small>{description ?? url}</small>
      </>
    ),
  },
  {
    name: 'state',
    head: 'State',
    cell: ({ state, pauseReason }) => <Mark state={state} detail={pauseReason?.toLowerCase() ?? null} />,
  },
  { name: 'backlog', head: 'Waiting', isNumber: true, cell: ({ backlog }) => countTo10000(backlog) },
  {
    name: 'oldest',
    head: 'Oldest waiting',
    isExtra: true,
    isRare: true,
    isNumber: true,
    cell: ({ oldestUnsettledAt }) => (oldestUnsettledAt === null ? '–' : <Ago at={oldestUnsettledAt} />),
  },
  {
    name: 'success',
    head: 'Delivered, 1 h',
    isExtra: true,
    isNumber: true,
    cell: ({ stats }) => (stats.attempts === 0 ? '–' : percent(stats.delivered, stats.attempts)),
  },
  {
    name: 'p50',
    head: 'p50',
    isExtra: true,
    isRare: true,
    isNumber: true,
    cell: ({ stats }) => (stats.latencyP50Ms === null ? '–' : latency(stats.latencyP50Ms)),
  },
  {
    name: 'p95',
    head: 'p95',
    isExtra: true,
    isNumber: true,
    cell: ({ stats }) => (stats.latencyP95Ms === null ? '–' : latency(stats.latencyP95Ms)),
  },
  { name: 'hour', head: 'Last hour', isExtra: true, isRare: true, cell: ({ id }) => <LastHour id={id} /> },
  {
    name: 'error',
    head: 'Last error',
    isExtra: true,
    cell: ({ lastError, lastErrorAt }) =>
      lastError === null ? (
        '–'
      ) : (
        <span class="error">
          {lastError}
          <small>
            <Ago at={lastErrorAt} />
          </small>
        </span>
      ),
  },
  { name: 'owner', head: 'Served by', isExtra: true, isRare: true, cell: ({ owner }) => owner ?? 'nobody' },
];

const states = [
  ['RETRYING', 'Retrying'],
  ['PAUSED', 'Paused'],
  ['ACTIVE', 'Active'],
  ['DISABLED', 'Disabled'],
] as const satisfies readonly (readonly [EndpointState, string])[];

/** The table's head does the same where there is room for it. */
const orders = [
  ['id', 'Name'],
  ['-backlog', 'Most waiting'],
  ['oldest', 'Oldest waiting'],
  ['success', 'Least delivered'],
  ['-p95', 'Slowest'],
] as const;

/** More are drawn when they are asked for. */
const drawnAtOnce = 50;

export function EndpointsView() {
  const search = asked('q');
  const state = states.find(([name]) => name === asked('state'))?.[0] ?? '';
  const { rows, problems, isWhole } = useEndpoints(search, state);
  const [drawn, setDrawn] = useState(drawnAtOnce);
  const by = asked('sort');
  const { name, isDown } = sortingOf(by);
  const shown = useMemo(() => firstBy(rows, by, drawn), [rows, by, drawn]);
  const said = useMemo(() => (isWhole ? summary(rows) : `${count(rows.length)} read so far …`), [rows, isWhole]);
  const onSort = (column: string) => {
    // The first press shows the largest first, where large is what one looks for.
    const downFirst = (['backlog', 'p50', 'p95'] as SortName[]).includes(column as SortName);
    const isAgain = column === name;
    const toDown = isAgain ? !isDown : downFirst;
    go(withQuery({ sort: `${toDown ? '-' : ''}${column}` }), { replace: true });
  };
  return (
    <>
      <Title>Endpoints</Title>
      <Filters
        label="Endpoints"
        of={[
          { name: 'q', label: 'Search', hint: 'id, URL or description' },
          { name: 'state', label: 'State', options: states },
          { name: 'sort', label: 'Sort', options: orders, any: 'Worst first', isNarrow: true },
        ]}
      />
      <Problems of={problems} />
      <p class="quiet" role="status">
        {said}
      </p>
      <Table
        label="Endpoints"
        columns={columns}
        rows={shown}
        keyOf={({ id }) => id}
        empty={emptiness(isWhole, search !== '' || state !== '')}
        sorting={{ by: name, isDown, names: sortNames, onSort }}
      />
      {rows.length > drawn ? (
        <button type="button" onClick={() => setDrawn(drawn + drawnAtOnce)}>
          Show {drawnAtOnce} more of {count(rows.length)}
        </button>
      ) : null}
    </>
  );
}

function emptiness(isWhole: boolean, isFiltered: boolean): string {
  if (!isWhole) return 'Asking …';
  return isFiltered ? 'No endpoint matches.' : 'No endpoint is configured: list them in config/webhooks.yaml.';
}

function summary(rows: readonly EndpointRow[]): string {
  const many = states.map(([state, word]) => [rows.filter((row) => row.state === state).length, word] as const);
  const parts = many.filter(([number]) => number > 0).map(([number, word]) => `${count(number)} ${word.toLowerCase()}`);
  const failing = rows.filter((row) => (successOf(row) ?? 1) < 1).length;
  const said = failing === 0 ? [] : [`${count(failing)} with failures in the last hour`];
  return `${counted(rows.length, 'endpoint')}${parts.length > 0 ? `: ${[...parts, ...said].join(', ')}` : ''}.`;
}

/** Asked for once it is seen. */
function LastHour({ id }: { id: string }) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setInterval> | undefined;
    const seen = new IntersectionObserver((entries) => {
      clearInterval(timer);
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      wantSpark(id);
      timer = setInterval(() => wantSpark(id), 61_000);
    });
    if (place.current !== null) seen.observe(place.current);
    return () => {
      clearInterval(timer);
      seen.disconnect();
    };
  }, [id]);
  return (
    <span ref={place}>
      <Sparkline of={sparkOf(id).value} />
    </span>
  );
}
