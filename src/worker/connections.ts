// Keeps one connection per endpoint open between attempts.

import { Client } from 'undici';
import type { EgressGuard, Opening } from '../egress/guard.ts';
import { createInterimResponses } from '../egress/interim-responses.ts';
import { isSameMaterial } from '../egress/secure-contexts.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';

export type Connection = {
  client: Client;
  /** Path and query of the endpoint's URL. */
  path: string;
  /** Called just before the first byte of each request. */
  begin(): void;
  /** How the connection was opened that is open now, or as far as it came; null when that was taken already. */
  takeOpening(): Opening | null;
  /** Closes it at once, also while it connects; the endpoint's next attempt opens another. */
  discard(): void;
};

export type Connections = AsyncDisposable & {
  /** The endpoint's connection, opened by its first request. Throws a TypeError for an invalid URL. */
  of(endpoint: Place): Connection;
};

/** Where an endpoint is, and how TLS goes there. */
type Place = Pick<EndpointDelivery, 'id' | 'url' | 'tls'>;

type Entry = Connection & { url: string; origin: string; tls: Place['tls'] };

const mostEndpoints = 10_000;
/** An idle connection is closed after this long, or when the endpoint asks for, up to the longest. */
const keepAliveMs = 4_000;
const longestKeepAliveMs = 10_000;
/** Of one answer, names and values: some frameworks send cookies and policies of tens of KiB. */
const mostHeaderBytes = 64 * 1024;

/**
 * Beyond `most` the endpoint used least recently loses its connection. A connection that is dropped, or whose endpoint
 * moved to another origin or has other certificates, first ends the request under way.
 */
export function createConnections({ guard, most = mostEndpoints }: { guard: EgressGuard; most?: number }): Connections {
  const current = new Map<string, Entry>();
  /** Includes those that still end their last request. */
  const open = new Set<Entry>();

  function openEntry({ id, url, tls }: Place): Entry {
    const { origin, pathname, search } = new URL(url);
    const givenUp = new AbortController();
    const interim = createInterimResponses();
    let opening: Opening | null = null;
    const connect = guard.connector(givenUp.signal, {
      tls,
      onOpening(begun) {
        opening = begun;
      },
    });
    const client = new Client(origin, {
      connect: (options, callback) =>
        connect(options, (...result) => {
          if (result[1]) interim.watch(result[1]);
          callback(...result);
        }),
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: mostHeaderBytes,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: longestKeepAliveMs,
      // Both limit single silences only; an attempt has one deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const entry: Entry = {
      client,
      url,
      origin,
      tls,
      path: pathname + search,
      begin: interim.begin,
      takeOpening() {
        const taken = opening && { ...opening };
        opening = null;
        return taken;
      },
      discard() {
        if (current.get(id) === entry) current.delete(id);
        open.delete(entry);
        givenUp.abort();
        void client.destroy();
      },
    };
    open.add(entry);
    return entry;
  }

  function closeWhenIdle(entry: Entry): void {
    const forget = () => open.delete(entry);
    entry.client.close().then(forget, forget);
  }

  function entryFor(place: Place): Entry {
    const { id, url, tls } = place;
    const known = current.get(id);
    if (!known) return openEntry(place);
    const sameTls = isSameMaterial(known.tls, tls);
    if (sameTls && known.url === url) return known;
    const { origin, pathname, search } = new URL(url);
    if (sameTls && origin === known.origin) return Object.assign(known, { url, path: pathname + search });
    const entry = openEntry(place);
    closeWhenIdle(known);
    return entry;
  }

  return {
    of(place) {
      const { id } = place;
      const entry = entryFor(place);
      // A map keeps insertion order, so the endpoint moves to the end.
      current.delete(id);
      current.set(id, entry);
      if (current.size > most) {
        const [oldestId, oldest] = current.entries().next().value!;
        current.delete(oldestId);
        closeWhenIdle(oldest);
      }
      return entry;
    },

    async [Symbol.asyncDispose]() {
      const entries = [...open];
      for (const entry of entries) entry.discard();
      await Promise.all(entries.map(({ client }) => client.destroy()));
    },
  };
}
