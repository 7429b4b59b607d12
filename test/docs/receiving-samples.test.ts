// The samples that verify a request trust what Tidings signed, and nothing else.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort, isFree } from '../support/free-port.ts';
import type { Received } from '../support/receiver/replying-server.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';
import { root, sampleNamed } from './markdown.ts';
import { answerOf, buildGo, testWith } from './other-language.ts';
import {
  type Case,
  expectVerifying,
  plainSecret,
  prefixedSecret,
  samplePayload,
  wideSecret,
} from './signed-requests.ts';

let scratch: ScratchDirectory;
beforeAll(async () => {
  scratch = await scratchDirectory();
  await symlink(join(root, 'node_modules'), join(scratch.path, 'node_modules'));
});
afterAll(async () => await scratch[Symbol.asyncDispose]());

const secrets = [prefixedSecret, plainSecret, wideSecret];
let modules = 0;

/** The text as a module of its own, which finds the packages of this repository. */
async function written(text: string): Promise<string> {
  const path = join(scratch.path, `sample-${(modules += 1)}.mjs`);
  await writeFile(path, text);
  return path;
}

/** The secret is where the samples look for it. */
async function withSecret<T>(secret: string, act: () => Promise<T>): Promise<T> {
  process.env['CRM_WEBHOOK_SECRET'] = secret;
  try {
    return await act();
  } finally {
    delete process.env['CRM_WEBHOOK_SECRET'];
  }
}

type Check = (body: string, request: { headers: Received['headers'] }) => { event_type: string };

/** Lines that verify `body` and `request`, as a function. */
async function checkOf(lines: string): Promise<Check> {
  const imports = "import { Webhook } from 'standardwebhooks';";
  const body = lines.replace(imports, '');
  const module = `${imports}\nexport function check(body, request) {${body}\nreturn event;\n}`;
  return ((await import(pathToFileURL(await written(module)).href)) as { check: Check }).check;
}

/** The package is made with the secret of each case. */
const trustsWith =
  (lines: string) =>
  async (cases: readonly Case[]): Promise<boolean[]> =>
    await withSecret(cases[0]!.secret, async () => {
      const check = await checkOf(lines);
      return cases.map(({ body, headers }) => {
        try {
          return check(body, { headers }).event_type === 'user.updated';
        } catch {
          return false;
        }
      });
    });

test('README’s lines trust what Tidings signed, and nothing else', async () => {
  await expectVerifying([prefixedSecret], trustsWith(sampleNamed('README.md js 1')));
});

test('with raw bytes the package takes a secret without a prefix', async () => {
  const [, verifying = ''] = sampleNamed('README.md js 1').split(/^const webhook = .*$/m);
  await expectVerifying([plainSecret, wideSecret], trustsWith(sampleNamed('docs/receiving.md js 2') + verifying));
});

test('the receiver of docs/receiving.md answers 204 to what Tidings sends, and 401 to what somebody else sends', async () => {
  const port = await findFreePort();
  const program = await written(sampleNamed('docs/receiving.md js 1').replace('8080', String(port)));
  const receiver = spawn(process.execPath, [program], {
    env: { ...process.env, CRM_WEBHOOK_SECRET: prefixedSecret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(receiver, 'close');
  try {
    let told = '';
    receiver.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    await eventually(async () => !(await isFree(port)), { saying: 'the sample’s receiver' });
    await using connections = openConnections();
    const send = async (secret: string) =>
      (await deliver(connections, attemptAt(`http://127.0.0.1:${port}/`, { secrets: [secret] }, samplePayload)))
        .httpStatus;
    expect([await send(prefixedSecret), await send(plainSecret)]).toEqual([204, 401]);
    await eventually(() => told === 'user.updated u-1\n', { saying: 'what the receiver tells' });
  } finally {
    receiver.kill('SIGKILL');
    await ended;
  }
});

test('the sample for `timestamped` trusts what Tidings signed with any secret, and nothing else', async () => {
  type Verify = (body: Buffer, headers: Received['headers'], secret: string) => void;
  const path = await written(sampleNamed('docs/receiving.md js 3'));
  const { verify } = (await import(pathToFileURL(path).href)) as { verify: Verify };
  await expectVerifying(secrets, (cases) =>
    cases.map(({ body, headers, secret }) => {
      try {
        verify(Buffer.from(body), headers, secret);
        return true;
      } catch {
        return false;
      }
    }),
  );
});

testWith('python', 'the sample in Python trusts what Tidings signed with any secret, and nothing else', async () => {
  const path = join(scratch.path, 'receiving.py');
  const calling = `
import json, sys

def trusts(case):
    try:
        verify(case["body"].encode(), case["headers"], case["secret"])
        return True
    except Exception:
        return False

print(json.dumps([trusts(case) for case in json.load(sys.stdin)]))
`;
  await writeFile(path, sampleNamed('docs/receiving.md python 1') + calling);
  await expectVerifying(secrets, (cases) => answerOf('python3', [path], cases) as boolean[]);
});

const goMain = `
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

testWith('go', 'the sample in Go trusts what Tidings signed with any secret, and nothing else', async () => {
  const folder = join(scratch.path, 'go');
  await mkdir(folder);
  const sample = sampleNamed('docs/receiving.md go 1').replace('package receiver', 'package main');
  const files = { 'verify.go': sample, 'main.go': goMain, 'go.mod': 'module receiver\n\ngo 1.22\n' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const program = join(folder, 'verify');
  await buildGo(folder, program);
  await expectVerifying(secrets, (cases) => answerOf(program, [], cases) as boolean[]);
});
