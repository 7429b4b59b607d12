// What a request reads in batches: one query for all the rows of a page instead of one a row.

import type { EntityManager } from '@mikro-orm/postgresql';
import DataLoader from 'dataloader';
import { readBacklogs } from '../../cursors/count-backlog.ts';
import { oldestUnsettled } from '../../cursors/oldest-unsettled.ts';
import { positionsOf } from '../../log/positions.ts';
import type { OAuthAccount } from '../../model/oauth-account.ts';
import type { Session } from '../../model/session.ts';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import type { WebhookEvent } from '../../model/webhook-event.ts';
import type { Endpoint, EndpointSettings } from '../../settings/endpoint.ts';
import { accountsOf } from '../../users/accounts.ts';
import { sessionsOf } from '../../users/sessions.ts';
import { owners } from './endpoint-owner.ts';
import { type EndpointState, endpointStates } from './endpoint-state.ts';
import { pendingReplays } from './pending-replays.ts';
import { type Statistics, type Window, statistics } from './endpoint-statistics.ts';
import { type EventPage, deliveriesById, eventsById, pagesOfDeliveries } from './event-deliveries.ts';
import { type EventOutcome, type OutcomesPage, pagesOfOutcomes } from './event-outcomes.ts';
import { type ConfiguredEndpoint, configuredEndpoints, keyOf, subjectsOf } from './sent-request.ts';
import { type BlockedLine, blockedLines } from './read-blocked-lines.ts';

export type Loaders = {
  eventById: DataLoader<string, WebhookEvent | undefined>;
  positionOfEvent: DataLoader<string, number | undefined>;
  subjectOfEvent: DataLoader<string, string | undefined>;
  configuredEndpoint: DataLoader<ConfiguredEndpoint, EndpointSettings | undefined>;
  deliveriesOfEvent: DataLoader<EventPage, WebhookDelivery[]>;
  deliveryById: DataLoader<string, WebhookDelivery | undefined>;
  outcomesOfEvent: DataLoader<OutcomesPage, EventOutcome[]>;
  accountsOfUser: DataLoader<string, OAuthAccount[]>;
  sessionsOfUser: DataLoader<string, Session[]>;
  endpointState: DataLoader<Endpoint, EndpointState | undefined>;
  owner: DataLoader<Endpoint, string | undefined>;
  backlog: DataLoader<Endpoint, number | undefined>;
  oldestUnsettledAt: DataLoader<Endpoint, Date | undefined>;
  pendingReplays: DataLoader<Endpoint, number | undefined>;
  blocked: DataLoader<Endpoint, BlockedLine[] | undefined>;
  statistics: Record<Window, DataLoader<Endpoint, Statistics | undefined>>;
};

/** Loaders for one request. They batch what is asked for at once and cache nothing, since a mutation may follow. */
export function createLoaders(em: EntityManager): Loaders {
  const ofIds = <Row>(read: (em: EntityManager, ids: readonly string[]) => Promise<Map<string, Row>>) =>
    batched(
      (ids: readonly string[]) => read(em, ids),
      (id) => id,
    );
  const ofEndpoints = <Row>(read: (em: EntityManager, endpoints: readonly Endpoint[]) => Promise<Map<string, Row>>) =>
    batched(
      (endpoints: readonly Endpoint[]) => read(em, endpoints),
      ({ id }) => id,
    );
  const ofWindow = (window: Window) => ofEndpoints((fork, endpoints) => statistics(fork, endpoints, window));
  return {
    eventById: ofIds(eventsById),
    positionOfEvent: ofIds(positionsOf),
    subjectOfEvent: ofIds(subjectsOf),
    configuredEndpoint: batched((wanted: readonly ConfiguredEndpoint[]) => configuredEndpoints(em, wanted), keyOf),
    deliveriesOfEvent: new DataLoader((pages: readonly EventPage[]) => pagesOfDeliveries(em, pages), { cache: false }),
    deliveryById: ofIds(deliveriesById),
    outcomesOfEvent: new DataLoader((pages: readonly OutcomesPage[]) => pagesOfOutcomes(em, pages), { cache: false }),
    accountsOfUser: new DataLoader((userIds: readonly string[]) => accountsOf(em, userIds), { cache: false }),
    sessionsOfUser: new DataLoader((userIds: readonly string[]) => sessionsOf(em, userIds, new Date()), {
      cache: false,
    }),
    endpointState: ofEndpoints(endpointStates),
    owner: ofEndpoints(owners),
    backlog: ofEndpoints(readBacklogs),
    oldestUnsettledAt: ofEndpoints(oldestUnsettled),
    pendingReplays: ofEndpoints(pendingReplays),
    blocked: ofEndpoints(blockedLines),
    statistics: { HOUR: ofWindow('HOUR'), DAY: ofWindow('DAY'), WEEK: ofWindow('WEEK') },
  };
}

function batched<Key, Row>(
  read: (keys: readonly Key[]) => Promise<Map<string, Row>>,
  idOf: (key: Key) => string,
): DataLoader<Key, Row | undefined> {
  return new DataLoader<Key, Row | undefined>(
    async (keys) => {
      // Without a cache the same key comes once for each field that wants it.
      const distinct = new Map(keys.map((key) => [idOf(key), key]));
      const rows = await read([...distinct.values()]);
      return keys.map((key) => rows.get(idOf(key)));
    },
    { cache: false },
  );
}
