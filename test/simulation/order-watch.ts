// Watches orders and held lines in a simulated world, and stops it at the first step that must not be.

import type { CursorQuestion } from '../../src/cursors/cursor-loader.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import type { Lease } from '../../src/policy/shards.ts';
import type { Turn } from '../../src/worker/turn.ts';
import type { History } from './history.ts';
import type { CarriedOut } from './orders.ts';
import type { Process } from './process.ts';
import type { Request } from './receivers.ts';
import type { Tables } from './tables.ts';
import type { Time } from './time.ts';
import { Violation } from './violation.ts';

/** As many as the endpoints of every world allow. */
const mostAttempts = 4;

export type OrderWatch = ReturnType<typeof createOrderWatch>;

export function createOrderWatch({ time, history, tables }: { time: Time; history: History; tables(): Tables }) {
  const runs = new Map<string, Process>();
  /** Of each endpoint, the attempt whose wait an order has ended. */
  const dueNow = new Map<string, { generation: number; resumes: number; position: number; attempts: number }>();

  const fail = (sentence: string): never => {
    throw new Violation(`${sentence} (at ${Math.round(time.now())} ms)`);
  };

  const isRestored = () => history.restoredAt.length > 0;

  function holds(by: string, { index, epoch }: Lease): boolean {
    const row = tables().leases.find(({ lease }) => lease === index);
    return row?.owner === by && row.epoch === epoch;
  }

  function lostThread(by: string, endpoint: string, since: number): boolean {
    return history.halts.some(
      (halt) => halt.how === 'lost a thread' && halt.sender === by && halt.endpoint === endpoint && halt.at >= since,
    );
  }

  /** A request of the line whose owner is there to record it, and has not yet. */
  function findOutstanding(endpoint: string, generation: number): Request | undefined {
    return history.requests.find((request) => {
      const { row, by, lease, sentAt } = request;
      const isOfLine = request.endpoint === endpoint && request.generation === generation && request.item === null;
      if (!isOfLine || history.durableAt.has(row) || !runs.get(by)!.alive) return false;
      return holds(by, lease) && !lostThread(by, endpoint, sentAt);
    });
  }

  return {
    runs: (process: Process) => void runs.set(process.id, process),

    /** A thread is about to send. */
    decided(process: Process, { endpoint: { id }, generation, resumes, origin, lease }: Turn): void {
      const cursor = tables().cursors.get(id);
      const isPresent = cursor?.generation === generation && cursor.resumes === resumes && holds(process.id, lease);
      if (origin !== 'line' || !isPresent || cursor.pauseReason !== 'exhausted') return;
      if (isRestored() || lostThread(process.id, id, 0)) return;
      fail(`${process.id} sends to ${id}, whose line is held`);
    },

    sent({ endpoint, eventId, generation, resumes, item, attempt, by }: Request): void {
      if (item !== null || attempt === 1 || isRestored()) return;
      const name = `${by} makes attempt ${attempt} of ${eventId} at ${endpoint}`;
      const before = tables().rows.filter((row) => {
        const isOfLine = row.endpoint === endpoint && row.generation === generation && row.origin === 'line';
        return isOfLine && row.eventId === eventId && row.resumes === resumes;
      });
      const last = Math.max(0, ...before.map((row) => row.attempt));
      if (last < attempt - 1) fail(`${name}, and ${last} are recorded since its budget began`);
      const isCounted = !history.halts.some((halt) => halt.how === 'lost a lease' || halt.how === 'lost a thread');
      if (attempt > mostAttempts && isCounted) fail(`${name}, more than its retries allow`);
    },

    carriedOut(process: Process, taken: readonly CursorQuestion[], all: readonly CarriedOut[]): void {
      for (const { order, outcome, row } of all) {
        const { id, endpoint, kind } = order;
        const name = `${process.id} carries out ${id}, to ${kind} at ${endpoint}`;
        const told = history.orders.get(id)!;
        told.carriedOut.push(outcome);
        history.note(Number(id.slice(6)), outcome.length, row?.position ?? 0);
        if (told.carriedOut.length > 1 && !isRestored()) fail(`${name}, once more`);
        if (told.seen === 'withdrawn' && !isRestored()) fail(`${name}, although it was withdrawn`);
        const { lease } = taken.find((question) => question.endpoint.id === endpoint)!;
        if (!holds(process.id, lease)) fail(`${name}, without holding its lease`);
        const cursor = tables().cursors.get(endpoint)!;
        const outstanding = isRestored() ? undefined : findOutstanding(endpoint, cursor.generation);
        if (outstanding) fail(`${name}, while ${outstanding.position} is not recorded`);
        if (outcome === 'done' && cursor.pauseReason === 'exhausted') fail(`${name}, and leaves it held`);
      }
    },

    /** What an order has made due stays due, whoever loads it. */
    loaded(cursors: ReadonlyMap<string, CursorState>, all: readonly CarriedOut[]): void {
      for (const { order, outcome } of all) {
        const cursor = cursors.get(order.endpoint);
        const [head] = cursor?.retries.toSorted((one, other) => one.position - other.position) ?? [];
        if (order.kind !== 'retry' || outcome !== 'done' || !cursor || !head) continue;
        const { generation, resumes } = cursor;
        const { position, attempts } = head;
        dueNow.set(order.endpoint, { generation, resumes, position, attempts });
      }
      for (const [endpoint, { generation, resumes, retries }] of cursors) {
        const due = dueNow.get(endpoint);
        if (due?.generation !== generation || due.resumes !== resumes || isRestored()) continue;
        const retry = retries.find(({ position, attempts }) => position === due.position && attempts === due.attempts);
        if (retry && retry.waitMs > 0) fail(`${due.position} waits at ${endpoint}, and an order made it due`);
      }
    },

    forget(): void {
      dueNow.clear();
    },
  };
}
