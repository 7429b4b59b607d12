// One attempt: what was sent and answered, how long each step took, and all other attempts of its event at its endpoint.

import { act } from '../act.ts';
import { curlOf } from '../curl.ts';
import {
  type Delivery,
  type Exchange,
  deliveryDocument,
  exchangeDocument,
  replayDocument,
} from '../documents/deliveries.ts';
import { latency } from '../formats.ts';
import { mayChange } from '../identity.ts';
import { Ago, At, now } from '../parts/ago.tsx';
import { confirmFirst } from '../parts/confirm.tsx';
import { Copy } from '../parts/copy.tsx';
import { Facts } from '../parts/facts.tsx';
import { HeaderList } from '../parts/header-list.tsx';
import { Mark } from '../parts/mark.tsx';
import { Awaited, Part, Problems, Section, Title } from '../parts/part.tsx';
import { TextBlock } from '../parts/text-block.tsx';
import { linkTo } from '../routing.ts';
import { type Asked, useAnswer } from '../use-answer.ts';
import { answerOf } from './delivery-columns.tsx';
import { Timeline } from './timeline.tsx';

export function DeliveryView({ id }: { id: string }) {
  const asked = useAnswer(deliveryDocument, { id });
  const exchange = useAnswer(exchangeDocument, { id });
  const delivery = asked.data?.webhookDelivery;
  return (
    <>
      <Title>Delivery {delivery ? `of ${delivery.eventType} to ${delivery.endpointId}` : id}</Title>
      <Problems of={asked.problems} />
      {asked.data === null ? <Awaited when={asked.isAwaited} /> : null}
      {delivery === null && asked.problems.length === 0 ? (
        <p class="empty">There is no such delivery, or it is no longer kept.</p>
      ) : null}
      {delivery ? <Whole delivery={delivery} exchange={exchange} /> : null}
    </>
  );
}

type WholeProps = { delivery: Delivery; exchange: Asked<{ webhookDelivery: Exchange | null }> };

function Whole({ delivery, exchange }: WholeProps) {
  const { id, eventId, endpointId, status, event } = delivery;
  const seen = exchange.data?.webhookDelivery ?? null;
  const nextAt = toCome(seen?.nextAttemptAt ?? null);
  return (
    <>
      <Section title="Outcome" controls={<Mark state={status} />}>
        <p class="lead">{outcomeOf(delivery, nextAt)}</p>
        <Controls delivery={delivery} exchange={seen} />
        <Facts
          of={[
            ['Endpoint', <a href={linkTo('endpoints', endpointId)}>{endpointId}</a>],
            ['Event', <a href={linkTo('events', eventId)}>{eventId}</a>],
            ['Attempt', `${delivery.attemptCount}${seen === null ? '' : `, ${originOf[seen.origin]}`}`],
            ['Begun', <At at={delivery.createdAt} />],
            ['Answered', delivery.completedAt === null ? null : <At at={delivery.completedAt} />],
            ['Latency', delivery.latencyMs === null ? null : latency(delivery.latencyMs)],
            ['Next attempt', nextAt === null ? null : <Ago at={nextAt} />],
            ['Position', event?.position ?? null],
            ['Subject', event?.subject ?? null],
          ]}
        />
      </Section>
      <Timeline eventId={eventId} endpointId={endpointId} current={id} />
      <Part title="Request" asked={exchange}>
        {({ webhookDelivery }) => (
          <>
            <p>
              <code>POST {delivery.endpointUrl}</code>
            </p>
            {webhookDelivery === null ? null : <Connection of={webhookDelivery} />}
            <HeaderList label="Request headers" of={webhookDelivery?.requestHeaders ?? []} />
          </>
        )}
      </Part>
      <Section title="Body">
        {event === null ? (
          <p class="empty">The event is no longer kept.</p>
        ) : (
          <TextBlock label="Body" text={event.payload} />
        )}
      </Section>
      <Section title="Answer">
        <p>{answerOf(delivery)}</p>
        {seen?.responseHeaders ? <HeaderList label="Answer's headers" of={seen.responseHeaders} /> : null}
        {delivery.responseBody ? <TextBlock label="Answer's body" text={delivery.responseBody} /> : null}
        {delivery.responseBody ? <p class="quiet">The first 1 KiB of a body is kept.</p> : null}
      </Section>
    </>
  );
}

const originOf = { LINE: 'in its line', REPLAY: 'a replay', TEST: 'a test' } as const;

function outcomeOf({ status, ...delivery }: Delivery, nextAt: string | null): string {
  const answer = answerOf(delivery);
  if (status === 'DELIVERED') return `Delivered: it answered ${answer}.`;
  if (status === 'FAILED') return `It failed (${answer}), and was the last attempt: the event was given up here.`;
  return `It failed (${answer}), and another attempt ${nextAt === null ? 'followed, or does so now' : 'is to come'}.`;
}

/** Null when it is over: the attempt was followed. */
const toCome = (at: string | null) => (at !== null && Date.parse(at) > now.peek() ? at : null);

function Controls({ delivery, exchange }: { delivery: Delivery; exchange: Exchange | null }) {
  const { id, status, endpointId, eventType, endpointUrl, event } = delivery;
  const replay = async () => {
    const isSure = await confirmFirst({
      title: 'Replay this delivery?',
      says: (
        <p>
          {eventType} is sent to {endpointId} again, beside what is sent in order. The receiver gets it out of its
          order.
        </p>
      ),
      verb: 'Replay',
    });
    if (isSure) await act(replayDocument, { deliveryIds: [id] }, `${eventType} is sent to ${endpointId} again.`);
  };
  return (
    <div class="controls">
      {mayChange.value && status === 'FAILED' ? (
        <button type="button" onClick={() => void replay()}>
          Replay
        </button>
      ) : null}
      {exchange === null || event === null ? null : (
        <Copy
          name="Copy as curl"
          said="The command is copied. What is redacted in it must be filled in."
          text={curlOf({ url: endpointUrl, headers: exchange.requestHeaders, body: event.payload })}
        />
      )}
      {mayChange.value && status !== 'FAILED' ? (
        <span class="quiet">Only a failed delivery can be replayed.</span>
      ) : null}
    </div>
  );
}

function Connection({ of: { timings, remoteAddress } }: { of: Exchange }) {
  const { dnsMs, connectMs, tlsMs } = timings;
  const step = (ms: number | null) => (ms === null ? null : latency(ms));
  if (remoteAddress === null && connectMs === null && dnsMs === null) {
    return <p class="quiet">It went over a connection that was open already.</p>;
  }
  return (
    <Facts
      of={[
        ['Reached at', remoteAddress === null ? null : <code>{remoteAddress}</code>],
        ['Name looked up in', step(dnsMs)],
        ['Connected in', step(connectMs)],
        ['TLS in', step(tlsMs)],
      ]}
    />
  );
}
