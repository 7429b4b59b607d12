// Makes the headers of a request again, from what is recorded of its attempt.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { WebhookEvent } from '../../model/webhook-event.ts';
import { isCredentialHeader, redacted } from '../../policy/credential-header.ts';
import type { EndpointSettings } from '../../settings/endpoint.ts';
import { readEndpoints } from '../../settings/stored-endpoints.ts';
import { schemeHeaders } from '../../signing/sign.ts';
import { requestHeaders } from '../../worker/request-headers.ts';

/** `endpoint` as the configuration had it that the attempt was sent under; undefined when that is no longer kept. */
export function rebuiltHeaders(
  { version, origin, attemptCount, eventId, position, previous, createdAt, traceparent = null }: WebhookDelivery,
  { endpoint, subject }: { endpoint: EndpointSettings | undefined; subject: string | null },
): [name: string, value: string][] {
  const timestampSeconds = Math.floor(createdAt.getTime() / 1000);
  const { signing = [], headers = {} } = endpoint ?? {};
  const all = requestHeaders({
    ...{ version, origin, attempt: attemptCount, event: { subject, position, previous: previous ?? null } },
    traceparent,
    signatures: schemeHeaders(signing, { id: eventId, timestampSeconds }, () => redacted),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, shown(name, value)])),
  });
  return Array.from({ length: all.length / 2 }, (_, index) => [all[2 * index]!, all[2 * index + 1]!]);
}

/** A value that is no text is the name of a secret. */
function shown(name: string, value: unknown): string {
  return typeof value === 'string' && !isCredentialHeader(name) ? value : redacted;
}

/** An endpoint in a version of the configuration. */
export type ConfiguredEndpoint = { version: number; id: string };

export const keyOf = ({ version, id }: ConfiguredEndpoint) => `${version} ${id}`;

/** What is configured of each, by its key. */
export async function configuredEndpoints(
  em: EntityManager,
  wanted: readonly ConfiguredEndpoint[],
): Promise<Map<string, EndpointSettings>> {
  const rows = await em.execute<{ version: number; form: string }[]>(
    `with asked as (select distinct version, id from json_to_recordset(?::json) as asked (version bigint, id text))
     select c.version::float8 as version, f.form::text as form
       from webhook_configurations c cross join lateral json_array_elements(c.content::json) f (form)
      where c.version in (select version from asked) and (c.version, f.form ->> 'id') in (select version, id from asked)`,
    [JSON.stringify(wanted)],
  );
  return new Map(
    rows.flatMap(({ version, form }) => {
      const read = readEndpoints(`[${form}]`);
      const [endpoint] = 'endpoints' in read ? read.endpoints : [];
      return endpoint ? [[keyOf({ version, id: endpoint.id }), endpoint]] : [];
    }),
  );
}

/** The subjects of those of these events that have one, by their ids. */
export async function subjectsOf(em: EntityManager, eventIds: readonly string[]): Promise<Map<string, string>> {
  const wanted = { id: { $in: [...eventIds] }, subject: { $ne: null } };
  const events = await em.find(WebhookEvent, wanted, { fields: ['id', 'subject'], disableIdentityMap: true });
  return new Map(events.map(({ id, subject }) => [id, subject!]));
}
