// The newest few deliveries that match, with the way to all of them.

import { type DeliveryFilter, deliveriesDocument } from '../documents/deliveries.ts';
import { Part } from '../parts/part.tsx';
import { Table } from '../parts/table.tsx';
import { useAnswer } from '../use-answer.ts';
import { deliveryColumns } from './delivery-columns.tsx';

export function LatestDeliveries({ filter, all }: { filter: DeliveryFilter; all: string }) {
  const asked = useAnswer(deliveriesDocument, { filter, first: 10 }, { everyMs: 3_000 });
  return (
    <Part title="Latest deliveries" asked={asked} controls={<a href={all}>All of them</a>}>
      {({ webhookDeliveries }) => (
        <Table
          label="Latest deliveries"
          columns={deliveryColumns}
          rows={webhookDeliveries.nodes}
          keyOf={({ id }) => id}
          empty="There is none."
        />
      )}
    </Part>
  );
}
