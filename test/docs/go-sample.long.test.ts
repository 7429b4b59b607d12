import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { expectVerifying, plainSecret, prefixedSecret, wideSecret } from './signed-requests.ts';
import { sampleNamed } from './markdown.ts';
import { answerOf, isInstalled } from './other-language.ts';

const main = `
package main

import (
	"encoding/json"
	"os"
)

func main() {
	var cases []struct {
		Body, Secret string
		Headers      map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	trusted := []bool{}
	for _, one := range cases {
		header := func(name string) string { return one.Headers[name] }
		trusted = append(trusted, Verify([]byte(one.Body), header, one.Secret) == nil)
	}
	json.NewEncoder(os.Stdout).Encode(trusted)
}
`;

test.runIf(isInstalled('go', ['version']))(
  'the sample in Go trusts what Tidings signed with any secret, and nothing else',
  async () => {
    await using scratch = await scratchDirectory();
    const sample = sampleNamed('docs/receiving.md go 1').replace('package receiver', 'package main');
    await writeFile(join(scratch.path, 'verify.go'), sample);
    await writeFile(join(scratch.path, 'main.go'), main);
    const program = join(scratch.path, 'verify');
    const built = spawnSync('go', ['build', '-o', program, 'verify.go', 'main.go'], {
      cwd: scratch.path,
      env: { ...process.env, GOTOOLCHAIN: 'local', GOPROXY: 'off' },
      encoding: 'utf8',
    });
    expect([built.status, built.stderr]).toEqual([0, '']);
    console.log('samples run: docs/receiving.md go 1');
    await expectVerifying(
      [prefixedSecret, plainSecret, wideSecret],
      (cases) => answerOf(program, [], cases) as boolean[],
    );
  },
);
