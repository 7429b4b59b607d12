// One event: its body, and what became of it at each endpoint.

import { isOwnType } from '../catalogue.ts';
import { eventDocument } from '../documents/events.ts';
import { At } from '../parts/ago.tsx';
import { Facts } from '../parts/facts.tsx';
import { Awaited, Problems, Section, Title } from '../parts/part.tsx';
import { TextBlock } from '../parts/text-block.tsx';
import { linkTo } from '../routing.ts';
import { useAnswer } from '../use-answer.ts';
import { Outcomes } from './outcomes.tsx';

export function EventView({ id }: { id: string }) {
  const { data, problems, isAwaited } = useAnswer(eventDocument, { id }, { everyMs: 10_000 });
  const event = data?.webhookEvent;
  return (
    <>
      <Title>Event {event?.type ?? id}</Title>
      <Problems of={problems} />
      {data === null ? <Awaited when={isAwaited} /> : null}
      {event === null && problems.length === 0 ? (
        <p class="empty">There is no such event, or it is no longer kept.</p>
      ) : null}
      {event ? (
        <>
          <Facts
            of={[
              ['Id', <code>{event.id}</code>],
              [
                'Type',
                isOwnType(event.type) ? <a href={linkTo('event-types', event.type)}>{event.type}</a> : event.type,
              ],
              ['Position', event.position ?? 'none yet: the relay gives it within moments'],
              [
                'Subject',
                event.subject === null ? (
                  'none'
                ) : (
                  <a href={linkTo('events', null, { subject: event.subject })}>{event.subject}</a>
                ),
              ],
              ['Recorded', <At at={event.timestamp} />],
            ]}
          />
          <Outcomes eventId={id} />
          <Section title="Body">
            <TextBlock label="Body" text={event.payload} />
          </Section>
        </>
      ) : null}
    </>
  );
}
