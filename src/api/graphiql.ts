// Serves GraphiQL from this process, with the prepared operations as tabs.

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { Hono } from 'hono';
import { tokenBar } from './graphiql-token.ts';
import { prefersGzip } from './preferences.ts';

type Page = { etag: string; zipped: Uint8Array<ArrayBuffer> };

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

/** `/graphiql`. The page has 9 MB, so it is made at the first request and kept compressed. */
export function graphiqlRoutes(): Hono {
  let made: Promise<Page> | undefined;
  return new Hono().get('/graphiql', async (c) => {
    made ??= makePage().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    const { etag, zipped } = await made;
    c.header('ETag', etag);
    c.header('Vary', 'Accept-Encoding');
    c.header('Cache-Control', 'no-cache');
    c.header('Content-Security-Policy', contentSecurityPolicy);
    if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304);
    c.header('Content-Type', 'text/html; charset=utf-8');
    if (!prefersGzip(c.req.raw)) {
      return c.body(new Uint8Array(await promisify(gunzip)(zipped)));
    }
    c.header('Content-Encoding', 'gzip');
    return c.body(zipped);
  });
}

async function makePage(): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const page = renderGraphiQL({
    title: 'Tidings GraphiQL',
    // Beside this page, also where a proxy serves both below a path.
    endpoint: 'graphql',
    defaultTabs: await readOperations(),
    defaultEditorToolsVisibility: 'variables',
    // Else the browser would store a token that somebody writes there.
    shouldPersistHeaders: false,
  });
  const root = '<div id="root"></div>';
  if (page.split(root).length !== 2) throw new Error('the page of GraphiQL has no place for the token');
  // Not a pattern: the bar's script may have a $ in it.
  const html = page.replace(root, () => `${tokenBar}${root}`);
  const etag = `"${createHash('sha256').update(html).digest('base64url')}"`;
  return { etag, zipped: new Uint8Array(await promisify(gzip)(html)) };
}

/** The prepared operations, in the order of their file names, each with its variables as examples. */
async function readOperations(): Promise<{ query: string; variables?: string }[]> {
  const folder = new URL('operations/', import.meta.url);
  const examples = await readFile(new URL('variables.json', folder), 'utf8');
  const variables = JSON.parse(examples) as Record<string, object>;
  const names = (await readdir(folder)).filter((name) => name.endsWith('.graphql')).toSorted();
  return await Promise.all(
    names.map(async (name) => {
      const query = await readFile(new URL(name, folder), 'utf8');
      const given = variables[name];
      return given === undefined ? { query } : { query, variables: JSON.stringify(given, null, 2) };
    }),
  );
}
