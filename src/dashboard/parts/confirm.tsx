// Asks before something is repeated, dropped or ended, and says what will happen.

import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Dialog } from './dialog.tsx';

export type Question = {
  title: string;
  /** What it will do. */
  says: ComponentChildren;
  /** The verb on the button that does it. */
  verb: string;
};

const open = signal<(Question & { answer(isYes: boolean): void }) | null>(null);

export async function confirmFirst(question: Question): Promise<boolean> {
  open.value?.answer(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  open.value = {
    ...question,
    answer(isYes) {
      open.value = null;
      resolve(isYes);
    },
  };
  return await promise;
}

/** Stands once in the page. */
export function Confirm() {
  const asked = open.value;
  if (asked === null) return null;
  return (
    <Dialog key={asked.title} title={asked.title} onClose={() => asked.answer(false)}>
      <div class="says">{asked.says}</div>
      <div class="controls">
        <button type="button" class="danger" onClick={() => asked.answer(true)}>
          {asked.verb}
        </button>
        <button type="button" onClick={() => asked.answer(false)}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
