// A TLS server by openssl, which says in an alert why it refuses a certificate; Node's own server only closes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Certificate } from './certificate.ts';

export type OpensslServer = AsyncDisposable & { port: number };

export type OpensslServerOptions = {
  shows: Certificate;
  /** In PEM: it asks for a certificate and takes those of this authority alone. */
  trusts: string;
  version: 'tls1_2' | 'tls1_3';
};

/** Listens on a free port. It answers no request. */
export async function openOpensslServer({ shows, trusts, version }: OpensslServerOptions): Promise<OpensslServer> {
  const directory = await mkdtemp(join(tmpdir(), 'openssl-server-'));
  const file = async (name: string, content: string) => {
    await writeFile(join(directory, name), content);
    return join(directory, name);
  };
  const own = ['-cert', await file('cert.pem', shows.cert), '-key', await file('key.pem', shows.key)];
  const others = ['-CAfile', await file('ca.pem', trusts), '-no-CApath', '-Verify', '3', '-verify_return_error'];
  // Its standard input stays open: its end would be the server's.
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', `-${version}`, ...own, ...others]);
  child.stderr.resume();
  const ended = once(child, 'close');
  let port: number | undefined;
  for await (const line of createInterface(child.stdout)) {
    const [, found] = /^ACCEPT .*:(\d+)$/.exec(line) ?? [];
    port = found === undefined ? undefined : Number(found);
    if (port !== undefined) break;
  }
  if (port === undefined) throw new Error('openssl does not listen');
  child.stdout.resume();
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}
