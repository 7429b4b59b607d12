// Bodies of answers that no receiver should send.

import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Answer } from '../support/receiver/reply.ts';
import type { Body } from './behaviours.ts';

const chunk = Buffer.alloc(64 * 1024, 'x');
/** Ten megabytes in ten kilobytes. */
const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024));
const dripEveryMs = 50;

export const bodies: Record<Body, Answer> = {
  compressed: { headers: { 'content-encoding': 'gzip' }, body: bomb },
  huge: { body: Buffer.alloc(4 * 1024 * 1024, 'x') },
  endless: { body: flood },
  dripping: { body: drip },
};

/** Ends with its connection. */
function flood(response: ServerResponse): void {
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

/** Ends with its connection. */
function drip(response: ServerResponse): void {
  const write = () => response.write('x');
  write();
  const timer = setInterval(write, dripEveryMs);
  response.on('close', () => clearInterval(timer));
}
