// The deliveries as they come: the list holds still while somebody is in it, and counts what is new.

import { useEffect, useRef, useState } from 'preact/hooks';
import { asked } from '../address.ts';
import type { DeliveryRow, DeliveryStatus } from '../documents/deliveries.ts';
import { count, counted } from '../formats.ts';
import { Filters } from '../parts/filters.tsx';
import { Problems, Title } from '../parts/part.tsx';
import { Table } from '../parts/table.tsx';
import { openTail } from '../tail.ts';
import { deliveryColumns } from './delivery-columns.tsx';
import { statuses } from './delivery-filters.ts';

export function LiveView() {
  const [endpoint, status] = [asked('endpoint'), asked('status')];
  return (
    <>
      <Title>Live</Title>
      <Filters
        label="Live"
        of={[
          { name: 'endpoint', label: 'Endpoint', hint: 'its id' },
          { name: 'status', label: 'Status', options: statuses },
        ]}
      />
      <Tail key={`${endpoint} ${status}`} endpoint={endpoint} status={status} />
    </>
  );
}

function Tail({ endpoint, status }: { endpoint: string; status: string }) {
  const [tail] = useState(() =>
    openTail({
      endpointId: endpoint === '' ? null : endpoint,
      status: statuses.find(([name]) => name === status)?.[0] ?? (null satisfies DeliveryStatus | null),
    }),
  );
  const inside = useRef({ isPointed: false, isFocused: false });
  useEffect(() => {
    const look = () => {
      const { isPointed, isFocused } = inside.current;
      tail.hold(document.visibilityState !== 'visible' || isPointed || isFocused);
    };
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      tail.close();
    };
  }, [tail]);
  const note = (part: keyof typeof inside.current, is: boolean) => {
    inside.current[part] = is;
    tail.hold(inside.current.isPointed || inside.current.isFocused);
  };
  const { rows, fresh, isHeld } = tail.shown.value;
  return (
    <>
      <Problems of={tail.problems.value} />
      <div class="titled">
        <p role="status" class="quiet">
          {tail.connection.value}. {counted(tail.counted.value, 'delivery', 'deliveries')} so far.
        </p>
        {fresh > 0 ? (
          <button type="button" class="badge" onClick={() => tail.showNew()}>
            {count(fresh)} new
          </button>
        ) : null}
        {isHeld ? <span class="quiet">The list holds still while you are in it.</span> : null}
      </div>
      <div
        class="live"
        onPointerEnter={() => note('isPointed', true)}
        onPointerLeave={() => note('isPointed', false)}
        onFocusIn={() => note('isFocused', true)}
        onFocusOut={() => note('isFocused', false)}
      >
        <Table
          label="Deliveries as they come"
          columns={deliveryColumns}
          rows={rows}
          keyOf={keyOf}
          empty="Nothing has come yet. Each attempt stands here as soon as it is recorded."
        />
      </div>
    </>
  );
}

const keyOf = ({ id }: DeliveryRow) => id;
