// Records events of the service's own operation, in the transaction that makes them true.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { PauseReason } from '../model/webhook-cursor.ts';
import type { OperationalType } from '../policy/operational.ts';
import { makeEvent } from './payload.ts';
import { recordEvents } from './record-events.ts';

/** What became true of an endpoint. */
export type OperationalFact = {
  type: OperationalType;
  endpointId: string;
  /** Of the pause that begins or ends. */
  reason?: PauseReason;
  /** The event whose delivery made it true, and how that ended. */
  eventId?: string | null;
  errorMessage?: string | null;
};

/** One event for each fact, in their order. The endpoint that it tells about does not get it. */
export async function recordFacts(em: EntityManager, facts: readonly OperationalFact[]): Promise<void> {
  if (facts.length === 0) return;
  const now = new Date();
  const events = facts.map((fact) =>
    makeEvent({ type: fact.type, data: operationalData(fact), notFor: fact.endpointId }, now),
  );
  await recordEvents(em, events);
}

/** What is not known is left out; the reason is written as the API writes it. */
export function operationalData({ endpointId, reason, eventId, errorMessage }: Omit<OperationalFact, 'type'>) {
  return {
    endpoint_id: endpointId,
    ...(reason ? { reason: reason.toUpperCase() } : {}),
    ...(eventId ? { event_id: eventId } : {}),
    ...(errorMessage ? { error_message: errorMessage } : {}),
  };
}
