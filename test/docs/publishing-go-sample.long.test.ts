import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { test } from 'vitest';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { sampleNamed } from './markdown.ts';
import { answerOf, buildGo, pgx, testWith } from './other-language.ts';
import { openShop } from './shop.ts';

const main = `
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func main() {
	var url string
	if err := json.NewDecoder(os.Stdin).Decode(&url); err != nil {
		panic(err)
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		panic(err)
	}
	order := Order{ID: 4001, Customer: "c-7", Total: "59.90"}
	id, err := PlaceOrder(ctx, conn, order)
	if err != nil {
		panic(err)
	}
	var refused *pgconn.PgError
	if _, err := PlaceOrder(ctx, conn, order); !errors.As(err, &refused) || refused.Code != "23505" {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(id)
}
`;

const order = { id: 4001, customer: 'c-7', total: '59.90' };

test('the SQL of the sample in Go places an order and its event', async () => {
  await using shop = await openShop();
  const statements = [...sampleNamed('docs/publishing.md go 1').matchAll(/const (\w+) = "(.*)"/g)];
  const { insert = '', publish = '' } = Object.fromEntries(
    statements.map(([, name, sql]): [string, string] => [name!, sql!]),
  );
  const client = new pg.Client({ connectionString: shop.url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(insert, [order.id, order.customer, order.total]);
    const data = { order_id: order.id, total: order.total };
    const { rows } = await client.query<{ publish: string }>(publish, [
      'order.placed',
      data,
      order.customer,
      `order-${order.id}`,
    ]);
    await client.query('commit');
    await shop.expectEvents({ [order.id]: rows[0]!.publish });
  } finally {
    await client.end();
  }
});

testWith('go with pgx', 'the sample in Go places an order and its event, or neither', async () => {
  await using scratch = await scratchDirectory();
  await using shop = await openShop();
  const sample = sampleNamed('docs/publishing.md go 1').replace('package shop', 'package main');
  await writeFile(join(scratch.path, 'shop.go'), sample);
  await writeFile(join(scratch.path, 'main.go'), main);
  await writeFile(join(scratch.path, 'go.mod'), `module shop\n\ngo 1.22\n\nrequire ${pgx.path} ${pgx.version}\n`);
  const program = join(scratch.path, 'place-order');
  await buildGo(scratch.path, program);
  await shop.expectEvents({ [order.id]: answerOf(program, [], shop.url) as string });
});
