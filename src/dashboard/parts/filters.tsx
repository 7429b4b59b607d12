// The filters of a list, which stand in the address: whoever gets the address sees the same.

import type { RefObject } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { asked, go, withQuery } from '../address.ts';

export type Filter = {
  name: string;
  label: string;
  hint?: string;
  options?: readonly (readonly [string, string])[];
  /** What no choice means. */
  any?: string;
  /** Only where the screen is narrow. */
  isNarrow?: boolean;
};

/** A choice counts at once, a text when it is left or by Enter. */
export function Filters({ label, of }: { label: string; of: readonly Filter[] }) {
  const isAny = of.some(({ name }) => asked(name) !== '');
  return (
    <form class="filters" role="search" aria-label={label} onSubmit={(event) => event.preventDefault()}>
      {of.map((filter) => (
        <Field key={filter.name} filter={filter} />
      ))}
      {isAny ? (
        <button type="button" onClick={() => go(withQuery(cleared(of)))}>
          Clear
        </button>
      ) : null}
    </form>
  );
}

function cleared(filters: readonly Filter[]): Record<string, string> {
  return Object.fromEntries([...filters.map(({ name }) => [name, '']), ['after', ''], ['before', '']]) as Record<
    string,
    string
  >;
}

function Field({ filter: { name, label, hint, options, any = 'Any', isNarrow } }: { filter: Filter }) {
  const id = useId();
  const value = asked(name);
  const field = useRef<HTMLInputElement | HTMLSelectElement>(null);
  // Only when the address changes: what somebody is typing stays when the list is drawn again.
  useLayoutEffect(() => {
    if (field.current !== null) field.current.value = value;
  }, [value]);
  const set = (text: string) => {
    if (text !== asked(name)) go(withQuery({ [name]: text, after: '', before: '' }));
  };
  return (
    <div class={isNarrow ? 'field narrow' : 'field'}>
      <label for={id}>{label}</label>
      {options === undefined ? (
        <input
          id={id}
          ref={field as RefObject<HTMLInputElement>}
          type="search"
          placeholder={hint}
          autocomplete="off"
          spellcheck={false}
          data-filter
          onChange={({ currentTarget }) => set(currentTarget.value.trim())}
          onKeyDown={(event) => {
            if (event.key === 'Enter') set(event.currentTarget.value.trim());
          }}
        />
      ) : (
        <select
          id={id}
          ref={field as RefObject<HTMLSelectElement>}
          onChange={({ currentTarget }) => set(currentTarget.value)}
        >
          <option value="">{any}</option>
          {options.map(([option, word]) => (
            <option key={option} value={option}>
              {word}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
