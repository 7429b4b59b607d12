// The samples of docs/publishing.md place an order and its event, or neither.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSchema, parse, validate } from 'graphql';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';
import { root, sampleNamed } from './markdown.ts';
import { answerOf, testWith } from './other-language.ts';
import { type Shop, openShop } from './shop.ts';

type Order = { id: number; customer: string; total: string };
const order = (id: number): Order => ({ id, customer: 'c-7', total: '59.90' });

let shop: Shop;
let pool: pg.Pool;
let scratch: ScratchDirectory;
const told: Record<string, string> = {};

beforeAll(async () => {
  [shop, scratch] = await Promise.all([openShop(), scratchDirectory()]);
  pool = new pg.Pool({ connectionString: shop.url, max: 1 });
});
afterAll(async () => {
  await pool.end();
  for (const part of [shop, scratch]) await part[Symbol.asyncDispose]();
});
afterEach(() => shop.expectEvents(told));

test('in psql', async () => {
  const sample = sampleNamed('docs/publishing.md sql 1');
  const results = (await pool.query(sample)) as unknown as { rows: { publish: string }[] }[];
  told['1001'] = results[2]!.rows[0]!.publish;
  await expect(pool.query(sample)).rejects.toMatchObject({ code: '23505' });
  await pool.query('rollback');
});

test('in Node.js', async () => {
  const path = join(scratch.path, 'place-order.mjs');
  await writeFile(path, sampleNamed('docs/publishing.md js 1'));
  type Sample = { placeOrder(pool: pg.Pool, order: Order): Promise<string> };
  const { placeOrder } = (await import(pathToFileURL(path).href)) as Sample;
  told['2001'] = await placeOrder(pool, order(2001));
  await expect(placeOrder(pool, order(2001))).rejects.toMatchObject({ code: '23505' });
});

testWith('python with psycopg', 'in Python', async () => {
  const path = join(scratch.path, 'place_order.py');
  const calling = `
import psycopg, sys

question = json.load(sys.stdin)
with psycopg.connect(question["url"]) as connection:
    answer = str(place_order(connection, question["order"]))
    try:
        place_order(connection, question["order"])
    except psycopg.errors.UniqueViolation:
        print(json.dumps(answer))
`;
  await writeFile(path, sampleNamed('docs/publishing.md python 1') + calling);
  told['3001'] = answerOf('python3', [path], { url: shop.url, order: order(3001) }) as string;
});

test('by GraphQL', async () => {
  const schema = buildSchema(await readFile(join(root, 'schema/schema.graphql'), 'utf8'));
  expect(validate(schema, parse(sampleNamed('docs/publishing.md graphql 1')))).toEqual([]);
});
