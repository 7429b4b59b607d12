// Fills the form that publishes with an example of what the service itself makes.

import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { asked, go, withQuery } from '../address.ts';
import { type EventType, useCatalogue } from '../catalogue.ts';
import { Problems } from '../parts/part.tsx';

/** The choice stands in the address, so that a link can make it. */
export function PublishExample({ form }: { form: RefObject<HTMLFormElement | null> }) {
  const { data, problems } = useCatalogue();
  const example = asked('example');
  const chosen = data?.find(({ type }) => type === example);
  useEffect(() => {
    if (chosen !== undefined && form.current !== null) fill(form.current, chosen);
  }, [chosen]);
  return (
    <>
      <Problems of={problems} />
      <label>
        Example
        <select
          value={chosen?.type ?? ''}
          aria-describedby="example-hint"
          onChange={({ currentTarget: { value } }) => go(withQuery({ example: value }), { replace: true })}
        >
          <option value="">None</option>
          {(data ?? []).map(({ type }) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
      </label>
      <small id="example-hint">
        {chosen === undefined
          ? 'Optional: fills the form with an event like one that the service makes.'
          : `The service alone makes ${chosen.type}. Yours is ${ownName(chosen.type)}, or what you name it: endpoints whose events match that get it.`}
      </small>
    </>
  );
}

/** `user.` and `webhook.` are the service's own, and refused. */
function ownName(type: string): string {
  return `example.${type}`;
}

function fill(form: HTMLFormElement, { type, example: { data } }: EventType): void {
  const subject = typeof data['user_id'] === 'string' ? data['user_id'] : '';
  const values = { type: ownName(type), data: JSON.stringify(data, null, 2), subject };
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.value = value;
  }
}
