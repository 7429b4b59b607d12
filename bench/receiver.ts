// The receiver: a process of its own that answers 204 and writes down what came, at little cost.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../test/support/free-port.ts';
import { makeCertificate } from '../test/support/certificate.ts';
import { startChild } from './child-process.ts';
import type { Ground } from './ground.ts';
import { findNginx, writeNginxConfiguration } from './nginx.ts';
import { type Received, parseReceived } from './received.ts';
import { until } from './until.ts';

export type Receiver = {
  /** Which one it is, with its version. */
  name: string;
  url: string;
  pid: number;
  /** Where it speaks TLS, the certificate that makes it trusted. */
  authorityFile: string | null;
  /** What came since the last call, in its order; call it when everything is answered. */
  take(): Promise<Received[]>;
  /** Those whose path begins with /hanging get no answer any more, or get one again. */
  toggleHanging(): void;
};

export type ReceiverOptions = {
  /** By TLS. */
  isSecure?: boolean;
  /** It answers so much later; only the one in Node can. */
  answersAfterMs?: number;
  /** Whether it can hang at some paths, and tells times in microseconds; only the one in Node can. */
  mayHang?: boolean;
};

type Kind = { name: string; program: string; args: string[]; rotate: NodeJS.Signals };
type Place = { directory: string; port: number; logFile: string; certificate: CertificateFiles | null };

/** Starts nginx where it is installed and can do what is asked, else a receiver written for Node. */
export async function openReceiver(
  ground: Ground,
  directory: string,
  { isSecure = false, answersAfterMs = 0, mayHang = false }: ReceiverOptions = {},
): Promise<Receiver> {
  const port = await findFreePort();
  const logFile = join(directory, 'received.log');
  const certificate = isSecure ? await writeCertificate(directory) : null;
  const place = { directory, port, logFile, certificate };
  const nginx = answersAfterMs === 0 && !mayHang ? await nginxKind(place) : null;
  const { name, program, args, rotate } = nginx ?? nodeKind(place, answersAfterMs);
  const output = { directory, env: { PATH: process.env['PATH'] }, logFile: join(directory, 'receiver.log') };
  const child = await ground.open(startChild(program, args, output));
  const listening = until('the receiver listens', () => answers(port), { everyMs: 20, withinMs: 10_000 });
  await Promise.race([listening, child.ended]);
  return {
    name,
    url: `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`,
    pid: child.pid,
    authorityFile: certificate?.cert ?? null,
    toggleHanging: () => child.signal('SIGHUP'),
    async take() {
      // As logs are rotated: it writes what it holds into the old file before it opens the new one.
      const taken = `${logFile}.taken`;
      await rename(logFile, taken);
      child.signal(rotate);
      const reopened = () => readFile(logFile).catch(() => null);
      await until('the receiver opens a new log', reopened, { everyMs: 5, withinMs: 10_000 });
      return parseReceived(await readFile(taken, 'utf8'));
    },
  };
}

type CertificateFiles = { key: string; cert: string };

async function writeCertificate(directory: string): Promise<CertificateFiles> {
  const { key, cert } = makeCertificate('IP:127.0.0.1');
  const files = { key: join(directory, 'receiver.key'), cert: join(directory, 'receiver.pem') };
  await writeFile(files.key, key, { mode: 0o600 });
  await writeFile(files.cert, cert);
  return files;
}

async function nginxKind(place: Place): Promise<Kind | null> {
  const nginx = await findNginx();
  if (!nginx) return null;
  const { directory } = place;
  const configuration = await writeNginxConfiguration(place);
  const args = ['-p', directory, '-e', 'stderr', '-c', configuration];
  return { ...nginx, args, rotate: 'SIGUSR1' };
}

function nodeKind({ port, logFile, certificate }: Place, answersAfterMs: number): Kind {
  const program = fileURLToPath(new URL('node-receiver.ts', import.meta.url));
  // SIGUSR1 is Node's own, for its debugger.
  return {
    name: `Node ${process.versions.node}`,
    program: process.execPath,
    args: [program, String(port), logFile, String(answersAfterMs), certificate?.key ?? '', certificate?.cert ?? ''],
    rotate: 'SIGUSR2',
  };
}

async function answers(port: number): Promise<true | null> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(null));
    socket.on('connect', () => socket.destroy());
  });
}
