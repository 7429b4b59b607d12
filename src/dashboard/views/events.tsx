// All events, newest first, by filters that stand in the address.

import { useMemo } from 'preact/hooks';
import { asked } from '../address.ts';
import { type EventFilter, type EventRow, eventsDocument } from '../documents/events.ts';
import { utcSecond } from '../formats.ts';
import { now } from '../parts/ago.tsx';
import { Filters } from '../parts/filters.tsx';
import { Pager, askedPage } from '../parts/pager.tsx';
import { Awaited, Problems, Title } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';
import { useAnswer } from '../use-answer.ts';
import { readTimeOf } from './delivery-filters.ts';

const columns: readonly Column<EventRow>[] = [
  {
    name: 'type',
    head: 'Type',
    cell: ({ id, type }) => (
      <a data-row href={linkTo('events', id)}>
        {type}
      </a>
    ),
  },
  {
    name: 'at',
    head: 'Time (UTC)',
    cell: ({ timestamp }) => <time dateTime={timestamp}>{utcSecond(timestamp)}</time>,
  },
  {
    name: 'position',
    head: 'Position',
    isNumber: true,
    cell: ({ position }) => position ?? <span class="none">none yet</span>,
  },
  {
    name: 'subject',
    head: 'Subject',
    isExtra: true,
    cell: ({ subject }) => <span class="long">{subject ?? '–'}</span>,
  },
  { name: 'id', head: 'Id', isExtra: true, cell: ({ id }) => <code>{id}</code> },
];

const names = ['type', 'subject', 'missing', 'since', 'until'];

export function EventsView() {
  const written = JSON.stringify(names.map((name) => asked(name)));
  const { filter, mistakes } = useMemo(readFilter, [written]);
  const { data, problems, isAwaited } = useAnswer(eventsDocument, { filter, ...askedPage() }, { everyMs: 5_000 });
  const page = data?.webhookEvents;
  return (
    <>
      <Title>Events</Title>
      <Filters
        label="Events"
        of={[
          { name: 'type', label: 'Types', hint: 'user.created, order.placed' },
          { name: 'subject', label: 'Subject' },
          { name: 'missing', label: 'Not delivered to', hint: 'an endpoint’s id' },
          { name: 'since', label: 'From', hint: '2h, or a time in UTC' },
          { name: 'until', label: 'Until', hint: '1h, or a time in UTC' },
        ]}
      />
      {mistakes.map((mistake) => (
        <p key={mistake} class="problem" role="alert">
          {mistake}
        </p>
      ))}
      <Problems of={problems} />
      {page === undefined || page === null ? (
        <Awaited when={isAwaited} />
      ) : (
        <>
          <Table label="Events" columns={columns} rows={page.nodes} keyOf={({ id }) => id} empty="No event matches." />
          <Pager of={page.pageInfo} />
        </>
      )}
    </>
  );
}

function readFilter(): { filter: EventFilter; mistakes: string[] } {
  const mistakes: string[] = [];
  const types = asked('type')
    .split(/[\s,]+/)
    .filter((type) => type !== '');
  const filter: EventFilter = {
    types: types.length === 0 ? undefined : types,
    subject: asked('subject') || undefined,
    notDeliveredTo: asked('missing') || undefined,
    since: readTimeOf('since', 'From', asked, now.peek(), mistakes),
    until: readTimeOf('until', 'Until', asked, now.peek(), mistakes),
  };
  return { filter, mistakes };
}
