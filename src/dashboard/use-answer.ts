// Asks the API for what a part of a view shows, and asks again: in turns, and after every change that was made here.

import { signal } from '@preact/signals';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, type Problem, ask } from './api.ts';
import type { Doc } from './doc.ts';

/** Counts up after each change: all that is shown is asked for again. */
export const changes = signal(0);

export type Asked<Data> = {
  /** The newest answer. While another is awaited, or could not be had, the one before stays. */
  data: Data | null;
  problems: readonly Problem[];
  isAwaited: boolean;
  again(): void;
};

/** Null variables: nothing is asked. `everyMs`: asks again that long after each answer, while the tab is seen. */
export function useAnswer<Data, Variables extends object>(
  document: Doc<Data, Variables>,
  variables: Variables | null,
  { everyMs }: { everyMs?: number } = {},
): Asked<Data> {
  const [state, setState] = useState<Answer<Data> & { isAwaited: boolean }>({
    data: null,
    problems: [],
    isAwaited: variables !== null,
  });
  const key = variables === null ? null : JSON.stringify(variables);
  const [round, setRound] = useState(0);
  const change = changes.value;
  const latest = useRef(variables);
  latest.current = variables;

  useEffect(() => {
    if (latest.current === null) return undefined;
    const controller = new AbortController();
    const asking = latest.current;
    setState((before) => ({ ...before, isAwaited: true }));
    let timer: ReturnType<typeof setTimeout> | undefined;
    ask(document, asking, controller.signal).then(
      ({ data, problems }) => {
        if (controller.signal.aborted) return;
        setState((before) => ({ data: data ?? before.data, problems, isAwaited: false }));
        if (everyMs !== undefined) timer = setTimeout(() => whenSeen(() => setRound((one) => one + 1)), everyMs);
      },
      () => {},
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [document, key, round, change, everyMs]);

  const again = useCallback(() => setRound((one) => one + 1), []);
  return { ...state, again };
}

/** At once, or when the tab is seen again. */
export function whenSeen(work: () => void): void {
  if (document.visibilityState === 'visible') {
    work();
    return;
  }
  document.addEventListener('visibilitychange', work, { once: true });
}
