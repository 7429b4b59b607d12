// A time beside how long ago it was or how soon it is, which goes on by itself.

import { signal, useComputed } from '@preact/signals';
import { fromNow, utc } from '../formats.ts';

/** In milliseconds; set each second while the tab is seen. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1_000);

export function Ago({ at }: { at: string | null }) {
  const text = useComputed(() => (at === null ? '' : fromNow(at, now.value)));
  if (at === null) return <span class="none">never</span>;
  return (
    <time dateTime={at} title={utc(at)}>
      {text}
    </time>
  );
}

/** The time itself, to the millisecond. */
export function At({ at }: { at: string }) {
  return <time dateTime={at}>{utc(at)}</time>;
}
