// The last hour of the endpoints that are seen, asked for several at once and kept for a while.

import { type Signal, signal } from '@preact/signals';
import { ask } from './api.ts';
import { type Spark, sparksDocument } from './documents/endpoints.ts';

/** The API takes 30 names in one query; fewer are answered sooner. */
const mostAtOnce = 15;
const keptMs = 60_000;
const hourMs = 3_600_000;

const known = new Map<string, { spark: Signal<Spark[] | undefined>; askedAt: number }>();
const wanted = new Set<string>();
let isAsking = false;

/** Undefined until it is known. */
export function sparkOf(id: string): Signal<Spark[] | undefined> {
  return entryOf(id).spark;
}

/** Called for each endpoint that comes into sight. */
export function wantSpark(id: string): void {
  const entry = entryOf(id);
  if (Date.now() - entry.askedAt < keptMs) return;
  entry.askedAt = Date.now();
  wanted.add(id);
  if (isAsking) return;
  isAsking = true;
  // Those that come into sight together are asked for together.
  requestAnimationFrame(() => void askForAll());
}

async function askForAll(): Promise<void> {
  while (wanted.size > 0) {
    const ids = [...wanted].slice(0, mostAtOnce);
    for (const id of ids) wanted.delete(id);
    const since = new Date(Date.now() - hourMs).toISOString();
    const { data } = await ask(sparksDocument(ids), { since });
    for (const [index, id] of ids.entries()) {
      const spark = data?.[`e${index}`];
      if (spark) entryOf(id).spark.value = spark;
    }
  }
  isAsking = false;
}

function entryOf(id: string) {
  let entry = known.get(id);
  if (entry === undefined) {
    entry = { spark: signal<Spark[] | undefined>(undefined), askedAt: -Infinity };
    known.set(id, entry);
  }
  return entry;
}
