// Publishes an event, and shows where it goes.

import { useRef, useState } from 'preact/hooks';
import { askWritten } from '../api.ts';
import { type Published, publishDocument } from '../documents/events.ts';
import { mayChange } from '../identity.ts';
import { isJson } from '../json-text.ts';
import { say } from '../notices.ts';
import { Title } from '../parts/part.tsx';
import { linkTo } from '../routing.ts';
import { changes } from '../use-answer.ts';
import { Outcomes } from './outcomes.tsx';
import { PublishExample } from './publish-example.tsx';

export function PublishView() {
  const [published, setPublished] = useState<{ id: string; type: string } | null>(null);
  return (
    <>
      <Title>Publish</Title>
      {mayChange.value ? (
        <PublishForm onPublished={setPublished} />
      ) : (
        <p class="empty">Publishing needs the admin token or an admin’s session; you may look only.</p>
      )}
      {published === null ? null : (
        <>
          <p class="lead">
            Recorded: <a href={linkTo('events', published.id)}>{published.type}</a> <code>{published.id}</code>
          </p>
          <Outcomes key={published.id} eventId={published.id} />
        </>
      )}
    </>
  );
}

function PublishForm({ onPublished }: { onPublished(event: { id: string; type: string }): void }) {
  const [mistake, setMistake] = useState<string | null>(null);
  const element = useRef<HTMLFormElement>(null);
  const publish = async (form: HTMLFormElement) => {
    const fields = new FormData(form);
    const text = (name: string) => {
      const value = fields.get(name);
      return typeof value === 'string' ? value : '';
    };
    const data = text('data');
    if (!isJson(data)) {
      setMistake('Data: that is no JSON.');
      return;
    }
    setMistake(null);
    const { data: answer, problems } = await askWritten<Published>(
      requestOf({ type: text('type').trim(), data, subject: text('subject'), key: text('key') }),
    );
    const [event] = answer?.publishWebhookEvents ?? [];
    if (event === undefined) {
      setMistake(problems[0]?.message ?? 'The service gave no answer.');
      return;
    }
    say('done', `${event.type} is recorded.`);
    changes.value += 1;
    onPublished(event);
  };
  return (
    <form class="wide" ref={element} onSubmit={(event) => (event.preventDefault(), void publish(event.currentTarget))}>
      <PublishExample form={element} />
      <label>
        Type
        <input
          name="type"
          type="text"
          required
          placeholder="order.placed"
          autocomplete="off"
          spellcheck={false}
          data-filter
        />
      </label>
      <label>
        Data
        <textarea name="data" rows={8} spellcheck={false} defaultValue="{}" aria-describedby="data-hint" />
      </label>
      <small id="data-hint">A JSON object; numbers and blanks go into the body as you write them.</small>
      <label>
        Subject
        <input name="subject" type="text" autocomplete="off" spellcheck={false} aria-describedby="subject-hint" />
      </label>
      <small id="subject-hint">Optional: whom it is about. Lines by subject go by it.</small>
      <label>
        Key
        <input name="key" type="text" autocomplete="off" spellcheck={false} aria-describedby="key-hint" />
      </label>
      <small id="key-hint">Optional: the same key again within a day records nothing new.</small>
      {mistake === null ? null : (
        <p class="problem" role="alert">
          {mistake}
        </p>
      )}
      <div class="controls">
        <button type="submit">Publish</button>
      </div>
    </form>
  );
}

type Wish = { type: string; data: string; subject: string; key: string };

/** The data stands in it as it was typed, so that the service sees every digit, and says which number it cannot keep. */
function requestOf({ type, data, subject, key }: Wish): string {
  const given = [
    `"type":${JSON.stringify(type)}`,
    `"data":${data}`,
    ...(subject === '' ? [] : [`"subject":${JSON.stringify(subject)}`]),
    ...(key === '' ? [] : [`"idempotencyKey":${JSON.stringify(key)}`]),
  ];
  return `{"query":${JSON.stringify(publishDocument)},"variables":{"events":[{${given.join(',')}}]}}`;
}
