// The types of events that the service makes by itself: asked for once, since they change with the service's version alone.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Asked } from './use-answer.ts';

export type EventType = {
  type: string;
  /** When such an event is made. */
  description: string;
  /** Of the body. */
  schema: { properties: { data: DataSchema } };
  /** A body. */
  example: { data: Record<string, unknown> };
};

export type DataSchema = { required: readonly string[]; properties: Record<string, FieldSchema> };

type FieldSchema = {
  type?: string | readonly string[];
  format?: string;
  enum?: readonly string[];
  description: string;
};

type Known = Omit<Asked<readonly EventType[]>, 'again'>;

const known = signal<Known>({ data: null, problems: [], isAwaited: true });

export function useCatalogue(): Asked<readonly EventType[]> {
  useEffect(() => {
    if (known.peek().data === null) void load();
  }, []);
  return { ...known.value, again: () => void load() };
}

/** Nobody may publish types that begin so: the service alone makes them. */
export function isOwnType(type: string): boolean {
  return /^(user|webhook)\./.test(type);
}

async function load(): Promise<void> {
  try {
    const response = await fetch(new URL('events/types', document.baseURI));
    if (!response.ok) throw new Error(`The service answered HTTP ${response.status}.`);
    const { types } = (await response.json()) as { types: EventType[] };
    known.value = { data: types, problems: [], isAwaited: false };
  } catch (error) {
    const message = `The types of events cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    known.value = { data: null, problems: [{ code: 'UNREACHABLE', message }], isAwaited: false };
  }
}
