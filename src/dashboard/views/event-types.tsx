// The types of events that the service makes by itself.

import { type EventType, useCatalogue } from '../catalogue.ts';
import { Awaited, Problems, Title } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';

const columns: readonly Column<EventType>[] = [
  {
    name: 'type',
    head: 'Type',
    cell: ({ type }) => (
      <a data-row href={linkTo('event-types', type)}>
        {type}
      </a>
    ),
  },
  { name: 'when', head: 'When', cell: ({ description }) => description },
];

export function EventTypesView() {
  const { data, problems, isAwaited } = useCatalogue();
  return (
    <>
      <Title>Event types</Title>
      <p>
        The service makes events of these types. All others are <a href="publish">published</a> by you and your
        programs, who know what is in them.
      </p>
      <Problems of={problems} />
      {data === null ? (
        <Awaited when={isAwaited} />
      ) : (
        <Table label="Event types" columns={columns} rows={data} keyOf={({ type }) => type} empty="There is none." />
      )}
    </>
  );
}
