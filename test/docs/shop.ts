// The database of the samples in docs/publishing.md: a table of orders, and a role that may publish.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { administer } from '../support/administer.ts';
import { openDatabase } from '../support/database.ts';
import { sampleNamed } from './markdown.ts';

export type Shop = AsyncDisposable & {
  /** As the role of the program. */
  url: string;
  /** Throws unless each order has one event, the one that is told of it by its id, and no event is without its order. */
  expectEvents(told: Readonly<Record<string, string>>): Promise<void>;
};

export async function openShop(): Promise<Shop> {
  const role = `shop_${randomBytes(6).toString('hex')}`;
  const database = await openDatabase();
  await administer(
    database.url,
    `create role ${role} login password 'any'`,
    'create table public.orders (id bigint primary key, customer text not null, total numeric not null)',
    `grant select, insert on public.orders to ${role}`,
    ...sampleNamed('docs/publishing.md sql 2').replaceAll(' to shop;', ` to ${role};`).trim().split('\n'),
  );
  const url = new URL(database.url);
  Object.assign(url, { username: role, password: 'any' });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return {
    url: url.href,
    async expectEvents(told) {
      const { rows } = await client.query<{
        order: string;
        total: string;
        event: string;
        subject: string;
        data: object;
      }>(
        `select o.id::text as order, o.total::text as total, e.id as event, subject, payload::json -> 'data' as data
           from public.orders o full join tidings.webhook_events e on payload::json #>> '{data,order_id}' = o.id::text
          order by o.id`,
      );
      expect(Object.fromEntries(rows.map(({ order, event }) => [order, event]))).toEqual(told);
      for (const { order, total, data, subject } of rows) {
        expect(subject).toBe('c-7');
        expect(data).toEqual({
          order_id: Number(order),
          total: expect.toSatisfy((one) => Number(one) === Number(total)),
        });
      }
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await database[Symbol.asyncDispose]();
      await administer(inject('postgresUrl'), `drop role ${role}`);
    },
  };
}
