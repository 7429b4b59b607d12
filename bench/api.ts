// Asks the service under measure as its admin does.

import { Agent, request } from 'undici';
import { adminToken } from './endpoints.ts';

const agent = new Agent({ connections: 32, pipelining: 1 });

/** The data of the answer. Throws an Error with the first GraphQL error. */
export async function ask<Data>(serviceUrl: string, query: string, variables: object = {}): Promise<Data> {
  const { body } = await request(`${serviceUrl}/graphql`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await body.json()) as { data: Data; errors?: { message: string }[] };
  if (errors?.[0]) throw new Error(errors[0].message);
  return data;
}

const mutation = `mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }`;

/** Publishes one event of each type given, all in one call, with bodies like a user's change; resolves with their ids. */
export async function publish(serviceUrl: string, types: readonly string[]): Promise<string[]> {
  const events = types.map((type, index) => ({ type, data: makeData(index), subject: `subject-${index}` }));
  const { publishWebhookEvents } = await ask<{ publishWebhookEvents: { id: string }[] }>(serviceUrl, mutation, {
    events,
  });
  return publishWebhookEvents.map(({ id }) => id);
}

/** Like a user's change. */
export function makeData(index: number) {
  return { changed: ['display_name'], display_name: `Ada Lovelace the ${index}th`, note: filler };
}

/** So that a body has 0.3 KiB. */
const filler = 'x'.repeat(120);
