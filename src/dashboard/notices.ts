// What the page says of an action that was taken: that it was done, or why not.

import { signal } from '@preact/signals';

export type Notice = { kind: 'done' | 'failed'; text: string };

export const notice = signal<Notice | null>(null);

const shownMs = 10_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** What was done goes away by itself; a failure stays until it is closed or something else is said. */
export function say(kind: Notice['kind'], text: string): void {
  clearTimeout(timer);
  notice.value = { kind, text };
  if (kind === 'done') timer = setTimeout(() => (notice.value = null), shownMs);
}
