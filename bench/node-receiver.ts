// The receiver where there is no nginx: answers 204, and logs the same lines. Arguments: port, log file.

import { closeSync, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { loggedVariables } from './received.ts';

const [port, logFile = ''] = process.argv.slice(2);
const headers = loggedVariables.slice(1).map((name) => name.replace(/^http_/, '').replaceAll('_', '-'));
let lines: string[] = [];
let log = openSync(logFile, 'a');

process.on('SIGUSR2', () => {
  writeSync(log, lines.join(''));
  lines = [];
  closeSync(log);
  log = openSync(logFile, 'a');
});

const server = createServer((request, response) => {
  lines.push(`${[request.url, ...headers.map((name) => String(request.headers[name] ?? '-'))].join(' ')}\n`);
  request.resume();
  response.writeHead(204).end();
});
server.keepAliveTimeout = 3_600_000;
server.listen(Number(port), '127.0.0.1', 4096);
