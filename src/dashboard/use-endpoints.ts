// Reads all endpoints that match, those that need somebody first, and again after a while.

import { useEffect, useState } from 'preact/hooks';
import { type Answer, type Problem, ask } from './api.ts';
import { type EndpointRow, type EndpointState, endpointsDocument } from './documents/endpoints.ts';
import { pageSize, urgentFirst } from './endpoint-list.ts';
import { changes, whenSeen } from './use-answer.ts';

export type Endpoints = {
  rows: readonly EndpointRow[];
  problems: readonly Problem[];
  /** True once all of them have been read. */
  isWhole: boolean;
};

type Read = { webhookEndpoints: EndpointRow[] };

/** The page rests at least so long between two rounds, and ten times as long as a round took. */
const restMs = 5_000;

export function useEndpoints(search: string, state: EndpointState | ''): Endpoints {
  const [endpoints, setEndpoints] = useState<Endpoints>({ rows: [], problems: [], isWhole: false });
  const [round, setRound] = useState(0);
  const change = changes.value;

  useEffect(() => {
    setEndpoints((before) => ({ ...before, isWhole: false }));
  }, [search, state]);

  useEffect(() => {
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = performance.now();
    void readAll().then(
      (isRead) => {
        if (!isRead) return;
        const tookMs = performance.now() - begin;
        timer = setTimeout(() => whenSeen(() => setRound((one) => one + 1)), Math.max(restMs, 10 * tookMs));
      },
      () => {},
    );

    async function readPage(states: EndpointState[], after: string | null): Promise<Answer<Read>> {
      const asked = { search: search === '' ? null : search, states, first: pageSize, after };
      return await ask(endpointsDocument, asked, controller.signal);
    }

    async function readAll(): Promise<boolean> {
      const read = new Map<string, EndpointRow>();
      for (const states of state === '' ? urgentFirst : [[state]]) {
        let after: string | null = null;
        do {
          const { data, problems } = await readPage([...states], after);
          if (controller.signal.aborted) return false;
          const page = data?.webhookEndpoints ?? null;
          if (page === null) {
            setEndpoints((before) => ({ ...before, problems, isWhole: true }));
            return true;
          }
          // In two questions one may stand twice, since it may change its state between them: the later one counts.
          for (const row of page) read.set(row.id, row);
          const rows = [...read.values()];
          // A round that goes on shows more, and never less than the one before.
          setEndpoints((before) => (before.isWhole ? before : { rows, problems: [], isWhole: false }));
          after = page.length < pageSize ? null : page.at(-1)!.id;
        } while (after !== null);
      }
      setEndpoints({ rows: [...read.values()], problems: [], isWhole: true });
      return true;
    }
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [search, state, round, change]);
  return endpoints;
}
