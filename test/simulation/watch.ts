// Watches a simulated world from inside, and stops it at the first step that must not be.
//
// It sees what no receiver could: who holds which lease, what is durable, and what each process has heard.

import type { Lease } from '../../src/policy/shards.ts';
import type { CursorRow } from '../../src/cursors/cursor-writer.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import type { Turn, TurnEvent, TurnFailure } from '../../src/worker/turn.ts';
import { createCancelledReplays } from './cancelled-replays.ts';
import { createGivenPositions } from './given-positions.ts';
import type { History } from './history.ts';
import { type Former, lostLeases } from './lost-leases.ts';
import { type Knowledge, type Line, Violation, knowNothing } from './violation.ts';
import type { Postgres } from './postgres.ts';
import type { Process } from './process.ts';
import type { Reaction, Request } from './receivers.ts';
import type { Row } from './tables.ts';
import { isAlwaysFor, isFor } from './wanted.ts';
import type { Time } from './time.ts';

export type Watch = ReturnType<typeof createWatch>;

export function createWatch({ time, history, postgres }: { time: Time; history: History; postgres: () => Postgres }) {
  const lines = new Map<string, Line>();
  const knowledge = new Map<string, Knowledge>();
  const open = new Map<string, { request: Request; process: Process; threadDied: boolean }[]>();
  /** Leases that were given back, by whom: it sends nothing under them any more. */
  const givenBack = new Set<string>();
  let restores = 0;
  const given = createGivenPositions();
  /** Of the last attempt before the last restore. */
  let lastRow = 0;

  const fail = (sentence: string): never => {
    throw new Violation(`${sentence} (at ${Math.round(time.now())} ms)`);
  };
  const cancelled = createCancelledReplays({ history, restores: () => restores, fail });

  function know({ id }: Process): Knowledge {
    let known = knowledge.get(id);
    if (!known) knowledge.set(id, (known = knowNothing(restores)));
    return known;
  }

  function lineOf(endpoint: string, generation: number): Line {
    const name = `${endpoint} ${generation}`;
    let line = lines.get(name);
    if (line) return line;
    line = { endpoint, farthest: 0, sent: new Map(), sentLate: new Set(), settled: new Set(), retrying: new Set() };
    lines.set(name, line);
    return line;
  }

  function holds({ id }: Process, { index, epoch }: Lease): boolean {
    const row = postgres().tables.leases.find(({ lease }) => lease === index);
    return row?.owner === id && row.epoch === epoch;
  }

  const nameOf = ({ id }: Process, { index, epoch }: Lease) => `${id} ${index} ${epoch}`;

  /** Whether it can know of the last restore. */
  const isInformed = (process: Process) => know(process).restores === restores;

  function checkRepeat(process: Process, { endpoint, generation }: Turn, { position, id }: TurnEvent): void {
    // What was lost may be sent, and recorded, again.
    if (restores > 0) return;
    const done = postgres().tables.rows.find((row) => {
      const isHere = row.eventId === id && row.generation === generation && row.endpoint === endpoint.id;
      return isHere && row.origin === 'line' && row.status !== 'retrying';
    });
    if (!done) return;
    const { loadedAt, threadDied } = know(process);
    const durableAt = history.durableAt.get(done.id)!;
    if (durableAt < (loadedAt.get(endpoint.id) ?? Infinity) || (done.by === process.id && !threadDied)) {
      fail(`${process.id} sends ${position} to ${endpoint.id} again, of which it can know that it is settled`);
    }
  }

  /** A changed configuration is in force before the next request. */
  function checkConfiguration(process: Process, { endpoint: { id, url } }: Turn): void {
    const { version, versionOf } = know(process);
    const served = postgres().tables.configurations.find((one) => one.version === version);
    if (versionOf !== restores || !served) return;
    const endpoint = served.endpoints.find((one) => one.id === id);
    if (endpoint?.url !== url)
      fail(`${process.id} sends to ${id} at ${url}, not by the configuration ${version} that it has`);
  }

  function checkLine(process: Process, turn: Turn, index: number): void {
    const { position, id } = turn.events[index]!;
    const endpoint = turn.endpoint.id;
    const name = `${process.id} sends ${position} to ${endpoint}`;
    const entry = postgres().tables.log[position];
    if (entry?.id !== id) {
      if (isInformed(process)) fail(`${name}, an event that is not in the log`);
      return;
    }
    if (entry.addressedTo !== null) fail(`${name}, which is another one’s test`);
    if (entry.configuration > know(process).version) fail(`${name} by an older configuration than the event’s`);
    const versions = postgres().tables.configurations.filter(({ version }) => version >= entry.configuration);
    const isWanted = versions.some(({ endpoints }) => endpoints.some((o) => o.id === endpoint && isFor(o, entry)));
    if (!isWanted && isInformed(process)) fail(`${name}, which does not want it`);
    checkRepeat(process, turn, turn.events[index]!);
    // It goes on in the history of before, and by a configuration that may be lost with it.
    if (!isInformed(process)) return;
    const line = lineOf(endpoint, turn.generation);
    const isAlways = isAlwaysFor(postgres().tables, endpoint, entry);
    const isFirst = !line.sent.has(id) && !line.sentLate.has(id);
    if (isAlways && isFirst && position < line.farthest) fail(`${name} after ${line.farthest}`);
    for (const before of line.retrying) {
      if (before >= position || line.settled.has(before)) continue;
      const waiting = postgres().tables.log[before];
      if (waiting && isAlwaysFor(postgres().tables, endpoint, waiting)) fail(`${name} before ${before} is settled`);
    }
    line.sent.set(id, position);
    line.farthest = Math.max(line.farthest, position);
  }

  return {
    get restores() {
      return restores;
    },
    /** A thread has looked at its words, and is about to send. */
    decided(process: Process, turn: Turn, index: number): void {
      const { position, id } = turn.events[index]!;
      given.checkSent(process, turn.events[index]!);
      const known = know(process);
      history.note(position, turn.generation, turn.lease.epoch);
      if (!holds(process, turn.lease) && isInformed(process) && !known.sleptSinceHeartbeat) {
        fail(`${process.id} sends ${position} to ${turn.endpoint.id} without holding its lease`);
      }
      const endpoint = turn.endpoint.id;
      if ((known.lostAt.get(endpoint) ?? -1) > known.loadedAt.get(endpoint)!) {
        fail(`${process.id} sends ${position} to ${endpoint} from memory, after a turn was lost`);
      }
      checkConfiguration(process, turn);
      cancelled.check(process, turn);
      if (turn.origin === 'line') {
        if (holds(process, turn.lease)) checkLine(process, turn, index);
        else lineOf(endpoint, turn.generation).sentLate.add(id);
      }
      known.position = Math.max(known.position, position);
      known.decidedIn.set(endpoint, known.restores);
    },

    /** The request is on the wire. */
    sent(process: Process, request: Request, { arrives, accepted, afterMs }: Reaction): void {
      const { endpoint, lease } = request;
      request.sentAt = time.now();
      request.isOfOldHistory = know(process).decidedIn.get(endpoint) !== restores;
      request.isZombie = !holds(process, lease);
      const others = open.get(endpoint) ?? [];
      open.set(endpoint, others);
      for (const other of others) {
        if (other.threadDied || !other.process.alive || request.isZombie) continue;
        const theirs = other.request.lease;
        const name = `${request.position} and ${other.request.position} are on the wire to ${endpoint} at once`;
        if (theirs.epoch === lease.epoch && other.request.by === process.id) fail(name);
        if (givenBack.has(nameOf(other.process, theirs))) fail(`${name}, after a lease was given back`);
      }
      const own = { request, process, threadDied: false };
      others.push(own);
      history.requests.push(request);
      history.note(request.position, request.attempt, request.row);
      if (!arrives) return;
      time.after(afterMs / 2, () => {
        request.arrivedAt = time.now();
        request.accepted = accepted;
        request.isZombie ||= !holds(process, lease) || own.threadDied;
        history.note(request.position, accepted ? 1 : 0, request.row);
      });
    },

    answered(request: Request, failure: TurnFailure | null): void {
      open.set(
        request.endpoint,
        open.get(request.endpoint)!.filter((other) => other.request !== request),
      );
      if (request.item !== null || failure?.status === 'retrying') return;
      lineOf(request.endpoint, request.generation).settled.add(request.position);
    },

    threadDied(process: Process, endpoint: string): void {
      know(process).threadDied = true;
      know(process).lostAt.set(endpoint, time.now());
      history.halts.push({ how: 'lost a thread', sender: process.id, endpoint, at: time.now(), goesOnAt: time.now() });
      for (const one of open.get(endpoint) ?? []) if (one.process === process) one.threadDied = true;
    },

    recorded(rows: readonly Row[]): void {
      for (const row of rows) {
        if (!history.durableAt.has(row.id)) history.durableAt.set(row.id, time.now());
        history.note(row.id, row.position, row.attempt);
        if (row.origin !== 'line') continue;
        const line = lineOf(row.endpoint, row.generation);
        if (row.status !== 'retrying') line.settled.add(row.position);
        // Of a request from before a restore the position may be another event's by now.
        else if (row.id > lastRow) line.retrying.add(row.position);
      }
    },

    cursorsLoaded(process: Process, cursors: ReadonlyMap<string, CursorState>): void {
      for (const endpoint of cursors.keys()) know(process).loadedAt.set(endpoint, time.now());
    },

    /** What is about to be written: nothing below it may be open. Returns those that are its writer's to write. */
    cursorsWritten(process: Process, rows: readonly CursorRow[]): Set<string> {
      const own = new Set<string>();
      const { cursors, log, rows: attempts } = postgres().tables;
      for (const row of rows) {
        const endpoint = row.endpoint_id;
        const cursor = cursors.get(endpoint);
        const isOwn = cursor?.owner === row.owner && cursor.ownerEpoch === row.owner_epoch;
        if (!isOwn || cursor.generation !== row.generation) continue;
        own.add(endpoint);
        history.note(row.position, row.generation, row.previous);
        for (let position = cursor.position + 1; position <= row.position; position += 1) {
          const entry = log[position];
          if (!entry || entry.addressedTo !== null) continue;
          if (!isAlwaysFor(postgres().tables, endpoint, entry)) continue;
          const isSettled = attempts.some((attempt) => {
            const isHere = attempt.position === position && attempt.endpoint === endpoint;
            const isOfLine = attempt.generation === row.generation && attempt.origin === 'line';
            return isHere && isOfLine && attempt.status !== 'retrying';
          });
          if (!isSettled) fail(`${process.id} writes ${row.position} for ${endpoint}, and ${position} is not settled`);
        }
      }
      return own;
    },

    /** What was written, but for those that were refused. */
    cursorsStored(
      process: Process,
      rows: readonly CursorRow[],
      refused: ReadonlySet<string>,
      own: ReadonlySet<string>,
    ): void {
      const stale = rows.find(({ endpoint_id: id }) => !refused.has(id) && !own.has(id));
      if (stale) fail(`${process.id} writes the cursor of ${stale.endpoint_id}, which is not its own`);
    },

    numbered(process: Process, entries: readonly LogEntry[]): void {
      const known = know(process);
      given.reached(entries.at(-1)?.position ?? 0);
      for (const { position, id } of entries) {
        history.note(position, id.length, 0);
        if (position <= known.position) fail(`${process.id} gives position ${position} again`);
      }
    },
    epochBegins: given.checkEpoch,

    /** Forgets what is long over, so that a world may live for hours. */
    forget(): void {
      for (const map of [lines, open, givenBack]) map.clear();
      restores = 0;
      for (const known of knowledge.values()) known.restores = 0;
    },

    taken(leases: readonly Lease[], former: Former): void {
      history.halts.push(...lostLeases(leases, former, [...postgres().tables.cursors.keys()], time.now()));
    },

    released: (process: Process, lease: Lease): void => void givenBack.add(nameOf(process, lease)),

    statesRead: cancelled.statesRead,
    /** A heartbeat is made; what is returned is called when its answer arrives. */
    heartbeat(process: Process): () => void {
      const then = restores;
      given.reached(postgres().tables.head);
      return () => {
        Object.assign(know(process), { restores: then, sleptSinceHeartbeat: false });
      };
    },

    slept: (process: Process): void => void (know(process).sleptSinceHeartbeat = true),

    configured(process: Process, version: number): void {
      const known = know(process);
      const isOfThisHistory = known.versionOf === restores;
      if (version < known.version && isOfThisHistory) fail(`${process.id} goes back to the configuration ${version}`);
      Object.assign(known, { version, versionOf: restores });
    },

    restored(): void {
      restores += 1;
      lastRow = history.requests.at(-1)?.row ?? 0;
      const { log, rows, cursors } = postgres().tables;
      const left = new Set(rows.map((row) => row.id));
      for (const id of history.durableAt.keys()) if (!left.has(id)) history.durableAt.delete(id);
      for (const line of lines.values()) {
        line.retrying.clear();
        // What was lost has no position any more, and another event may get it; what is above its place comes, or comes again.
        for (const [id, position] of line.sent) if (log[position]?.id !== id) line.sent.delete(id);
        line.farthest = cursors.get(line.endpoint)?.position ?? 0;
      }
    },
  };
}
