// The receiver where there is no nginx: answers 204, and logs the same lines.
//
// Arguments: port, log file, after how many milliseconds it answers, and for TLS the files of its key and certificate.
// SIGHUP makes those hang whose path begins with /hanging, and the next one ends that.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type RequestListener, createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { unixMs } from './clock.ts';
import { loggedVariables } from './received.ts';

const [port, logFile = '', answersAfterMs, key = '', cert = ''] = process.argv.slice(2);
const afterMs = Number(answersAfterMs);
const headers = loggedVariables.slice(1, -1).map((name) => name.replace(/^http_/, '').replaceAll('_', '-'));
let isHanging = false;
let lines: string[] = [];
let log = openSync(logFile, 'a');

process.on('SIGUSR2', () => {
  writeSync(log, lines.join(''));
  lines = [];
  closeSync(log);
  log = openSync(logFile, 'a');
});

process.on('SIGHUP', () => (isHanging = !isHanging));

const receive: RequestListener = (request, response) => {
  request.resume();
  if (isHanging && request.url!.startsWith('/hanging')) return;
  const seconds = unixMs() / 1_000;
  const values = headers.map((name) => String(request.headers[name] ?? '-'));
  lines.push(`${[request.url, ...values, seconds.toFixed(6)].join(' ')}\n`);
  const answer = () => response.writeHead(204).end();
  if (afterMs > 0) setTimeout(answer, afterMs);
  else answer();
};

const server =
  key === ''
    ? createServer(receive)
    : createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, receive);
server.keepAliveTimeout = 3_600_000;
server.listen(Number(port), '127.0.0.1', 4096);
