// An admin's order in a simulated world: it is stored, its outcome is waited for, and then it is withdrawn.

import { type OrderOutcome, orderMs } from '../../src/policy/line-orders.ts';
import { shardOf } from '../../src/policy/shards.ts';
import type { History, OrderStory } from './history.ts';
import { blockedHead } from './orders.ts';
import type { Postgres } from './postgres.ts';
import type { Service } from './service.ts';
import type { Tables } from './tables.ts';

const lookEveryMs = 100;

export function createOrderDesk({
  chance,
  postgres,
  history,
}: {
  chance(): number;
  postgres: Postgres;
  history: History;
}) {
  let made = 0;

  /** Mostly what is at the head. */
  function eventToSkip(tables: Tables, endpoint: string): string | null {
    const configured = tables.configurations.at(-1)!.endpoints.find(({ id }) => id === endpoint);
    if (!configured) return null;
    const head = blockedHead(tables, { endpoint: configured })[0]?.eventId;
    if (head && chance() < 0.8) return head;
    return tables.log[Math.ceil(chance() * tables.head)]?.id ?? null;
  }

  return {
    /** Asks one process, which may be gone before there is an outcome. `announce`: tells the instances to look. */
    ask(by: Service, endpoint: string, kind: 'retry' | 'skip', announce: () => void): void {
      const id = `order-${(made += 1)}`;
      const told: OrderStory = { kind, endpoint, eventId: null, seen: null, carriedOut: [] };
      // Whoever waits less than the product finds out more often what a withdrawal meets.
      let left = chance() < 0.5 ? orderMs : chance() * 400;

      function wait(): void {
        by.ask(
          (tables) => ({ outcome: tables.orders.find((order) => order.id === id)?.outcome ?? null }),
          (found) => {
            if (found?.outcome) told.seen = found.outcome;
            else if ((left -= lookEveryMs) > 0) by.process.after(lookEveryMs, wait);
            else withdraw();
          },
        );
      }

      function withdraw(): void {
        by.ask(
          (tables): OrderOutcome | 'withdrawn' => {
            const outcome = tables.orders.find((order) => order.id === id)?.outcome ?? null;
            if (outcome !== null) return outcome;
            tables.orders = tables.orders.filter((order) => order.id !== id);
            return 'withdrawn';
          },
          (seen) => {
            if (seen === null) by.process.after(lookEveryMs, withdraw);
            else told.seen = seen;
          },
        );
      }

      by.ask(
        (tables) => {
          const eventId = kind === 'skip' ? eventToSkip(tables, endpoint) : null;
          if (!tables.cursors.has(endpoint) || (kind === 'skip' && eventId === null)) return false;
          told.eventId = eventId;
          history.orders.set(id, told);
          tables.orders.push({ id, endpoint, kind, eventId, askedAt: postgres.clock(), outcome: null });
          tables.controls[shardOf(endpoint)]! += 1;
          return true;
        },
        (isStored) => {
          if (!isStored) return;
          announce();
          wait();
        },
      );
    },
  };
}
