// Bodies of answers that no receiver should send.

import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Body } from './behaviours.ts';

const chunk = Buffer.alloc(64 * 1024, 'x');
/** Ten megabytes in ten kilobytes. */
const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024));
const dripEveryMs = 50;

/** Sends headers and body; an endless one ends with its connection. */
export function answerWith(response: ServerResponse, status: number, body: Body): void {
  response.writeHead(status, body === 'compressed' ? { 'content-encoding': 'gzip' } : {});
  if (body === 'compressed') response.end(bomb);
  else if (body === 'huge') response.end(Buffer.alloc(4 * 1024 * 1024, 'x'));
  else if (body === 'endless') flood(response);
  else {
    const drip = () => response.write('x');
    drip();
    const timer = setInterval(drip, dripEveryMs);
    response.on('close', () => clearInterval(timer));
  }
}

function flood(response: ServerResponse): void {
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}
