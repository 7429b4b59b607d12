// How the endpoints of a chaos run treat their requests, by the first word of their ids.

import type { EndpointValue } from '../support/workplace.ts';

/** After `afterMs`, a status; or none: the connection is reset, or nobody ever answers. With an empty body unless it is said. */
export type Treatment = { afterMs: number; status: number | 'reset' | 'never'; body?: Body };
export type Body = 'dripping' | 'endless' | 'huge' | 'compressed';

type Request = { eventId: string; attempt: number };
type Behaviour = { configured: { max_retries?: number; timeout?: string }; treat(request: Request): Treatment };

/** Of an endpoint that is configured with none of its own. */
const defaultRetries = 5;

const ok: Treatment = { afterMs: 0, status: 200 };

const behaviours: Record<string, Behaviour> = {
  steady: { configured: {}, treat: () => ok },
  // Speaks TLS, with a certificate that is wrong for a while.
  certified: { configured: { max_retries: 100 }, treat: () => ok },
  flooding: {
    configured: {},
    treat: ({ eventId }) => {
      const kind = Math.floor(100 * chanceOf(eventId));
      const body = (['endless', 'huge', 'compressed'] as const)[kind];
      return body ? { ...ok, body } : ok;
    },
  },
  // Each holds up its endpoint for a second.
  dripping: {
    configured: {},
    treat: ({ eventId }) => (chanceOf(eventId) < 0.003 ? { ...ok, body: 'dripping' } : ok),
  },
  resetting: {
    configured: {},
    treat: ({ eventId, attempt }) => (attempt === 1 && chanceOf(eventId) < 0.02 ? { afterMs: 0, status: 'reset' } : ok),
  },
  slow: { configured: {}, treat: ({ eventId }) => ({ afterMs: 30 * chanceOf(eventId), status: 200 }) },
  failing: {
    configured: {},
    treat: ({ eventId, attempt }) => (attempt === 1 && chanceOf(eventId) < 0.03 ? { afterMs: 0, status: 503 } : ok),
  },
  // Some events are refused until their retries are spent.
  refusing: {
    configured: { max_retries: 1 },
    treat: ({ eventId }) => (chanceOf(eventId) < 0.02 ? { afterMs: 0, status: 400 } : ok),
  },
  hanging: {
    configured: { timeout: '500ms' },
    treat: ({ eventId, attempt }) =>
      attempt === 1 && chanceOf(eventId) < 0.003 ? { afterMs: 0, status: 'never' } : ok,
  },
};

/** What becomes of a request to the endpoint; the same whenever it comes again. */
export function treatmentOf(endpoint: string, request: Request): Treatment {
  return (behaviours[wordOf(endpoint)] ?? behaviours['steady']!).treat(request);
}

/** Two of three are steady, so that most of what is sent is a test of the sender. */
export function chaosEndpoints(
  count: number,
  urlOf: (id: string, scheme: 'http' | 'https') => string,
): EndpointValue[] {
  const others = Object.keys(behaviours).slice(1);
  return Array.from({ length: count }, (_, index) => {
    const word = index % 3 === 2 ? others[((index - 2) / 3) % others.length]! : 'steady';
    const id = `${word}-${index + 1}`;
    const url = urlOf(id, word === 'certified' ? 'https' : 'http');
    return { id, url, base_delay: '50ms', max_delay: '1s', ...behaviours[word]!.configured };
  });
}

/** Whether it answers whatever it is asked, at once: how long it waits for its events is the sender's doing alone. */
export function isSteady(endpoint: string): boolean {
  return wordOf(endpoint) === 'steady';
}

/** After so many an event is given up. */
export function mostAttemptsAt(endpoint: string): number {
  return 1 + (behaviours[wordOf(endpoint)]?.configured.max_retries ?? defaultRetries);
}

function wordOf(endpoint: string): string {
  return endpoint.split('-')[0]!;
}

/** From 0 to 1, out of the random end of an id. */
function chanceOf(eventId: string): number {
  return Number.parseInt(eventId.slice(-6), 16) / 0xff_ff_ff;
}
