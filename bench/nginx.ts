// nginx as the receiver: one process that answers 204 and logs what came.

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loggedVariables } from './received.ts';

const execute = promisify(execFile);

/** Looks on PATH, and where Debian has it, which is not on every user's PATH. */
export async function findNginx(): Promise<{ name: string; program: string } | null> {
  for (const program of ['nginx', '/usr/sbin/nginx']) {
    try {
      // nginx version: nginx/1.22.1
      const { stderr } = await execute(program, ['-v']);
      return { program, name: stderr.trim().split(' ').at(-1)!.replace('/', ' ') };
    } catch {
      // Not there.
    }
  }
  return null;
}

/** Writes the configuration into `directory`; returns its path. */
export async function writeNginxConfiguration({
  directory,
  port,
  logFile,
  certificate,
}: {
  directory: string;
  port: number;
  logFile: string;
  /** Files; then it speaks TLS. */
  certificate: { key: string; cert: string } | null;
}): Promise<string> {
  const scratch = join(directory, 'nginx');
  await mkdir(scratch, { recursive: true });
  const path = join(directory, 'nginx.conf');
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  // One process without a master: nobody else's signals, and a rotated log that is complete.
  await writeFile(
    path,
    `daemon off;
master_process off;
pid ${scratch}/pid;
events { worker_connections 16384; }
http {
  ${kinds.map((kind) => `${kind}_temp_path ${scratch}/${kind};`).join('\n  ')}
  log_format received '${loggedVariables.map((name) => `$${name}`).join(' ')}';
  access_log ${logFile} received buffer=256k;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  server {
    listen 127.0.0.1:${port}${certificate ? ' ssl' : ''} backlog=4096;
    ${certificate ? `ssl_certificate ${certificate.cert}; ssl_certificate_key ${certificate.key};` : ''}
    client_max_body_size 0;
    return 204;
  }
}
`,
  );
  return path;
}
