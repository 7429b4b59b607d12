// Compares, statement by statement, the operational events of a simulated world with what its cursors have become.

import { isOperational } from '../../src/policy/operational.ts';
import type { Fact } from './operational.ts';
import type { Cursor, Row, Tables } from './tables.ts';
import { Violation } from './violation.ts';

type Known = Pick<Cursor, 'pauseReason' | 'failing' | 'failingChanges'>;

const failsAt = 3;

/** To be called after every statement. After a restore it begins anew. */
export function createOperationalWatch() {
  let restores = 0;
  let facts = 0;
  let rows = 0;
  let known = new Map<string, Known>();

  function fail(endpoint: string, sentence: string): never {
    throw new Violation(`${endpoint} ${sentence}`);
  }

  /** Of a delivery of an operational event, or of a test, nothing is told. */
  function checkPause(
    endpoint: string,
    before: Known,
    now: Known,
    told: readonly Fact[],
    added: readonly Row[],
    all: readonly Row[],
  ): void {
    const paused = told.filter(({ type }) => type === 'webhook.endpoint_paused');
    const resumed = told.filter(({ type }) => type === 'webhook.endpoint_resumed');
    const begins = before.pauseReason === null && now.pauseReason !== null;
    const ends = before.pauseReason !== null && now.pauseReason === null;
    const byRow = added.some((row) => {
      return row.endpoint === endpoint && row.pause === now.pauseReason && isOperational(row.type);
    });
    const isSilent = byRow || (now.pauseReason === 'failing' && paused.length === 0);
    if (begins && now.pauseReason === 'failing') {
      const failed = all.filter((row) => row.endpoint === endpoint && row.status !== 'delivered');
      if (!failed.some(({ type }) => isOperational(type) === isSilent))
        fail(endpoint, `is paused as it fails, and that is ${isSilent ? 'not ' : ''}told`);
    }
    if (paused.length !== (begins && !isSilent ? 1 : 0)) {
      fail(endpoint, `is ${now.pauseReason ?? 'not paused'}, and ${paused.length} events say that it was paused`);
    }
    if (paused.some(({ reason }) => reason !== now.pauseReason))
      fail(endpoint, 'is paused for another reason than told');
    if (resumed.length !== (ends ? 1 : 0)) fail(endpoint, `has ${resumed.length} events that say it was resumed`);
  }

  function checkHealth(endpoint: string, before: Known, now: Known, told: readonly Fact[], tables: Tables): void {
    const changes = told.filter(({ type }) => /_(failing|recovered)$/.test(type));
    if (changes.length !== now.failingChanges - before.failingChanges) {
      fail(
        endpoint,
        `has changed ${now.failingChanges - before.failingChanges} times, and ${changes.length} events say so`,
      );
    }
    let isFailing = before.failing;
    for (const { type, eventId } of changes) {
      const fails = type === 'webhook.endpoint_failing';
      if (fails === isFailing) fail(endpoint, `is told to be ${fails ? 'failing' : 'well'} when it is so already`);
      isFailing = fails;
      if (!fails) continue;
      const failed = tables.rows.filter((row) => {
        return (
          row.endpoint === endpoint && row.eventId === eventId && row.origin === 'line' && row.status !== 'delivered'
        );
      });
      // A restored database has lost rows of attempts that were made: the last one's number counts them.
      const counted = tables.restores > 0 ? Math.max(0, ...failed.map(({ attempt }) => attempt)) : 0;
      const failures = Math.max(failed.length, counted);
      if (failures < failsAt) fail(endpoint, `is told to be failing after ${failures} failures of ${eventId}`);
      if (failed.some(({ type: failedType }) => isOperational(failedType)))
        fail(endpoint, `is told to be failing by ${eventId}, which is operational itself`);
    }
    if (isFailing !== now.failing)
      fail(endpoint, `is ${now.failing ? '' : 'not '}failing, and its events say otherwise`);
  }

  return function check(tables: Tables): void {
    const isRestored = tables.restores !== restores;
    if (isRestored) known.clear();
    const told = tables.facts.slice(isRestored ? tables.facts.length : facts);
    const added = tables.rows.slice(rows);
    [restores, facts, rows] = [tables.restores, tables.facts.length, tables.rows.length];
    for (const [endpoint, now] of tables.cursors) {
      const before = known.get(endpoint);
      if (before === undefined) continue;
      const own = told.filter((fact) => fact.endpoint === endpoint);
      checkPause(endpoint, before, now, own, added, tables.rows);
      checkHealth(endpoint, before, now, own, tables);
    }
    known = knownOf(tables);
  };
}

function knownOf({ cursors }: Tables): Map<string, Known> {
  return new Map(
    [...cursors].map(([id, { pauseReason, failing, failingChanges }]) => [
      id,
      { pauseReason, failing, failingChanges },
    ]),
  );
}

/** Once all is over: each event that was given up is told of once, and nobody is failing. */
export function checkOperational(tables: Tables): void {
  const nameOf = ({ endpoint, eventId, generation, item }: Row) => [endpoint, eventId, generation, item].join(' ');
  const failed = tables.rows.filter((row) => row.status === 'failed' && !isOperational(row.type));
  const told = tables.facts.filter(({ type }) => type === 'webhook.delivery_failed').map(({ row }) => row);
  const byId = new Map(tables.rows.map((row) => [row.id, row]));
  const names = told.map((id) => nameOf(byId.get(id!)!));
  const wrong = new Set(names).symmetricDifference(new Set(failed.map(nameOf)));
  for (const name of wrong) throw new Violation(`${name} was given up, or is told to be, and not the other`);
  if (names.length > new Set(names).size)
    throw new Violation(`two events say that one was given up: ${names.join(', ')}`);
}
