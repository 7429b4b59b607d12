// One type of event that the service makes: its data, an example of its body, and the JSON Schema of that.

import { type DataSchema, type EventType, useCatalogue } from '../catalogue.ts';
import { mayChange } from '../identity.ts';
import { Awaited, Problems, Section, Title } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { TextBlock } from '../parts/text-block.tsx';
import { linkTo } from '../routing.ts';

export function EventTypeView({ type }: { type: string }) {
  const { data, problems, isAwaited } = useCatalogue();
  const found = data?.find((one) => one.type === type);
  return (
    <>
      <Title>Event type {type}</Title>
      <Problems of={problems} />
      {data === null ? <Awaited when={isAwaited} /> : null}
      {data !== null && found === undefined ? (
        <p class="empty">The service makes no events of this type. Who publishes them knows what is in them.</p>
      ) : null}
      {found === undefined ? null : <Known of={found} />}
    </>
  );
}

function Known({ of: { type, description, schema, example } }: { of: EventType }) {
  return (
    <>
      <p>{description}</p>
      <p class="controls">
        <a href={linkTo('events', null, { type })}>Events of this type</a>
        {mayChange.value ? <a href={linkTo('publish', null, { example: type })}>Publish one like it</a> : null}
      </p>
      <Section title="Data">
        <Table
          label="Fields of its data"
          columns={columns}
          rows={fieldsOf(schema.properties.data)}
          keyOf={({ name }) => name}
          empty="It has no data."
        />
        <p class="quiet">A later version may add fields.</p>
      </Section>
      <Section title="Example">
        <TextBlock label="Example" text={JSON.stringify(example)} />
      </Section>
      <Section title="JSON Schema of the body">
        <TextBlock label="Schema" text={JSON.stringify(schema, null, 2)} />
      </Section>
    </>
  );
}

type Field = { name: string; values: string; isAlways: boolean; description: string };

const columns: readonly Column<Field>[] = [
  { name: 'name', head: 'Field', cell: ({ name }) => name },
  { name: 'values', head: 'Value', cell: ({ values }) => values },
  { name: 'always', head: 'Always there', cell: ({ isAlways }) => (isAlways ? 'yes' : 'no') },
  { name: 'meaning', head: 'Meaning', cell: ({ description }) => description },
];

function fieldsOf({ required, properties }: DataSchema): Field[] {
  return Object.entries(properties).map(([name, { type, format, enum: words, description }]) => ({
    name,
    values:
      words?.join(', ') ?? `${[type ?? 'anything'].flat().join(' or ')}${format === undefined ? '' : ` (${format})`}`,
    isAlways: required.includes(name),
    description,
  }));
}
