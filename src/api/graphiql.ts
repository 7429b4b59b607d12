// Serves GraphiQL from this process, with the prepared operations as tabs.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Hono } from 'hono';
import type { PageHead } from './graphiql-page.ts';
import { prefersGzip } from './preferences.ts';
import { sharedBody } from './shared-body.ts';

/** Both forms of the page, in memory that all answers share. */
type Page = { etag: string; zipped: Uint8Array; plain: Uint8Array };

const mostPageBytes = 64 * 1024 * 1024;

/** What the page needs: its scripts and styles are inline, its workers are blobs, and it calls only this origin. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/graphiql`. The page has 9 MB, so it is made at the first request, and all answers share its bytes. */
export function graphiqlRoutes(): Hono {
  let made: Promise<Page> | undefined;
  return new Hono().get('/graphiql', async (c) => {
    made ??= makePage().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    const { etag, plain, zipped } = await made;
    c.header('ETag', etag);
    c.header('Vary', 'Accept-Encoding');
    c.header('Cache-Control', 'no-cache');
    c.header('Content-Security-Policy', contentSecurityPolicy);
    if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304);
    c.header('Content-Type', 'text/html; charset=utf-8');
    const isZipped = prefersGzip(c.req.raw);
    if (isZipped) c.header('Content-Encoding', 'gzip');
    const bytes = isZipped ? zipped : plain;
    c.header('Content-Length', String(bytes.length));
    return c.req.method === 'HEAD' ? c.body(null) : c.body(sharedBody(bytes));
  });
}

async function makePage(): Promise<Page> {
  const program = fileURLToPath(new URL('graphiql-page.ts', import.meta.url));
  const options = { encoding: 'buffer', maxBuffer: mostPageBytes } as const;
  const { stdout } = await promisify(execFile)(process.execPath, [program], options);
  const headBytes = stdout.indexOf('\n') + 1;
  const { etag, zippedBytes } = JSON.parse(stdout.toString('utf8', 0, headBytes)) as PageHead;
  const [zipped, plain] = [
    stdout.subarray(headBytes, headBytes + zippedBytes),
    stdout.subarray(headBytes + zippedBytes),
  ];
  return { etag, zipped, plain };
}
