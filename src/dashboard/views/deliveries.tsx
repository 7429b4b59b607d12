// All deliveries, newest first, by filters that stand in the address, and the replay of all that match.

import { useMemo } from 'preact/hooks';
import { asked } from '../address.ts';
import { deliveriesDocument } from '../documents/deliveries.ts';
import { mayChange } from '../identity.ts';
import { now } from '../parts/ago.tsx';
import { Filters } from '../parts/filters.tsx';
import { Pager, askedPage } from '../parts/pager.tsx';
import { Awaited, Problems, Title } from '../parts/part.tsx';
import { Table } from '../parts/table.tsx';
import { useAnswer } from '../use-answer.ts';
import { deliveryColumns } from './delivery-columns.tsx';
import { origins, readDeliveryFilter, statuses } from './delivery-filters.ts';
import { ReplayMatching } from './replay-matching.tsx';

const names = ['endpoint', 'event', 'type', 'subject', 'status', 'origin', 'http', 'since', 'until'];

export function DeliveriesView() {
  const written = JSON.stringify(names.map((name) => asked(name)));
  // A time ago is the one that it was when it was written.
  const { filter, mistakes } = useMemo(() => readDeliveryFilter(asked, now.peek()), [written]);
  const { data, problems, isAwaited } = useAnswer(deliveriesDocument, { filter, ...askedPage() }, { everyMs: 5_000 });
  const page = data?.webhookDeliveries;
  return (
    <>
      <Title>Deliveries</Title>
      <Filters
        label="Deliveries"
        of={[
          { name: 'status', label: 'Status', options: statuses },
          { name: 'endpoint', label: 'Endpoint', hint: 'its id' },
          { name: 'type', label: 'Event type', hint: 'order.placed' },
          { name: 'subject', label: 'Subject' },
          { name: 'event', label: 'Event', hint: 'its id' },
          { name: 'http', label: 'HTTP', hint: '503 or 5xx' },
          { name: 'origin', label: 'Origin', options: origins },
          { name: 'since', label: 'From', hint: '2h, or a time in UTC' },
          { name: 'until', label: 'Until', hint: '1h, or a time in UTC' },
        ]}
      />
      {mistakes.map((mistake) => (
        <p key={mistake} class="problem" role="alert">
          {mistake}
        </p>
      ))}
      {mayChange.value && mistakes.length === 0 ? <ReplayMatching filter={filter} /> : null}
      <Problems of={problems} />
      {page === undefined || page === null ? (
        <Awaited when={isAwaited} />
      ) : (
        <>
          <Table
            label="Deliveries"
            columns={deliveryColumns}
            rows={page.nodes}
            keyOf={({ id }) => id}
            empty="No delivery matches."
          />
          <Pager of={page.pageInfo} />
        </>
      )}
    </>
  );
}
