// A part of a view: its heading, what it shows, and in words what went wrong with it alone.

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Problem } from '../api.ts';
import type { Asked } from '../use-answer.ts';

export type PartProps<Data> = {
  title: string;
  asked: Asked<Data>;
  /** Beside the heading. */
  controls?: ComponentChildren;
  children(data: Data): ComponentChildren;
};

/** What was there before stays, also beside a problem. */
export function Part<Data>({ title, asked, controls, children }: PartProps<Data>) {
  return (
    <Section title={title} controls={controls}>
      <Problems of={asked.problems} />
      {asked.data === null ? <Awaited when={asked.isAwaited} /> : children(asked.data)}
    </Section>
  );
}

export function Section(props: { title: string; controls?: ComponentChildren; children: ComponentChildren }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div class="titled">
        <h2 id={id}>{props.title}</h2>
        {props.controls}
      </div>
      {props.children}
    </section>
  );
}

export function Problems({ of }: { of: readonly Problem[] }) {
  if (of.length === 0) return null;
  return (
    <div class="problem" role="alert">
      {of.map(({ code, message }) => (
        <p key={message}>
          {message}
          {code === 'GRAPHQL_VALIDATION_FAILED'
            ? ' This service is of another version than the page: load it anew.'
            : ''}
        </p>
      ))}
    </div>
  );
}

export function Awaited({ when }: { when: boolean }) {
  return when ? <p class="awaited">Asking …</p> : null;
}

/** A view's heading, which is where it begins after a link was followed. */
export function Title({ children }: { children: ComponentChildren }) {
  return <h1 tabIndex={-1}>{children}</h1>;
}
