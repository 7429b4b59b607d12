// Finds an endpoint of the configuration in force by its id.

import { Refusal } from '../../policy/refusal.ts';
import type { Endpoint } from '../../settings/endpoint.ts';

/** Throws Refusal NOT_FOUND. */
export function endpointById(endpoints: { inForce(): readonly Endpoint[] }, id: string): Endpoint {
  const endpoint = endpoints.inForce().find((candidate) => candidate.id === id);
  if (endpoint) return endpoint;
  throw new Refusal('NOT_FOUND', `There is no webhook endpoint ${JSON.stringify(id.slice(0, 80))}.`, 'id');
}
