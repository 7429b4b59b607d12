// An endpoint's cursor: everything up to `position` is settled for it.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const pauseReasons = ['admin', 'gone', 'exhausted', 'failing'] as const;
export type PauseReason = (typeof pauseReasons)[number];

/**
 * A generation that was never used. A restored database gives the sequence's numbers again, while rows of the lost
 * generations may still be written: random digits tell the two apart.
 */
export const newGeneration = `(nextval('webhook_generations') * 1000000 + floor(random() * 1000000)::bigint)`;

export const WebhookCursor = defineEntity({
  name: 'WebhookCursor',
  tableName: 'webhook_cursors',
  properties: {
    endpointId: p.text().primary().fieldName('endpoint_id'),
    /** A new number each time the endpoint gets a position anew, or is rewound. Rows of older generations do not count. */
    generation: p.bigint('number').defaultRaw(newGeneration),
    /** Null while the endpoint is disabled. */
    position: p.bigint('number').nullable(),
    /** The log was examined up to here when `backlog` was counted, with `filter`. */
    examined: p.bigint('number').default(0),
    filter: p.text().default(''),
    backlog: p.integer().default(0),
    /** Position of the last event for this endpoint at or below `position`; 0 when there is none after `since`. */
    previous: p.bigint('number').default(0),
    /** The endpoint's line begins after this position: where it was added, or where it was rewound to, if that is farther back. */
    since: p.bigint('number').default(0),
    resumes: p.integer().default(0),
    pauseReason: p.enum(pauseReasons).nullable().fieldName('pause_reason'),
    pausedAt: p.datetime(3).nullable().fieldName('paused_at'),
    /** Its first event has failed three times, and its line is blocked since; and how often that has changed. */
    failing: p.boolean().default(false),
    failingChanges: p.integer().default(0).fieldName('failing_changes'),
    /** Since then every attempt has failed; null after one that was delivered. */
    failingSince: p.datetime(3).nullable().fieldName('failing_since'),
    /** The instance that serves the endpoint, and the epoch of its lease: nobody else writes the cursor. */
    owner: p.uuid().nullable(),
    ownerEpoch: p.bigint('number').nullable().fieldName('owner_epoch'),
    /** The number of the last load of its owner: an older load that is late does nothing. */
    load: p.bigint('number').default(0),
    updatedAt: p.datetime(3).fieldName('updated_at').defaultRaw('clock_timestamp()'),
  },
});

export type WebhookCursor = InferEntity<typeof WebhookCursor>;
