import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { sampleNamed } from './markdown.ts';
import { answerOf, isInstalled } from './other-language.ts';
import { openShop } from './shop.ts';

const pgx = 'github.com/jackc/pgx/v5';
const version = 'v5.7.2';
/** Only what is on this machine. */
const offline = { GOTOOLCHAIN: 'local', GOPROXY: 'off', GOFLAGS: '-mod=mod', GOSUMDB: 'off' };

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

const hasPgx = spawnSync('go', ['list', '-m', `${pgx}@${version}`], {
  env: { ...process.env, ...offline },
  stdio: 'ignore',
});

test.runIf(isInstalled('go', ['version']) && hasPgx.status === 0)(
  'the sample in Go places an order and its event, or neither',
  async () => {
    await using scratch = await scratchDirectory();
    await using shop = await openShop();
    const sample = sampleNamed('docs/publishing.md go 1').replace('package shop', 'package main');
    await writeFile(join(scratch.path, 'shop.go'), sample);
    await writeFile(join(scratch.path, 'main.go'), main);
    await writeFile(join(scratch.path, 'go.mod'), `module shop\n\ngo 1.22\n\nrequire ${pgx} ${version}\n`);
    const program = join(scratch.path, 'place-order');
    const built = spawnSync('go', ['build', '-o', program, '.'], {
      cwd: scratch.path,
      env: { ...process.env, ...offline },
      encoding: 'utf8',
    });
    expect([built.status, built.stderr]).toEqual([0, '']);
    await shop.expectEvents({ '4001': answerOf(program, [], shop.url) as string });
    console.log('samples run: docs/publishing.md go 1');
  },
);
