// Serves the operator's dashboard: its page at every address that is a view of it, and the files that the page loads.

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { prefersGzip, prefersHtml } from './preferences.ts';
import { homeOf, pagePolicy } from './refused.ts';
import { sharedBody } from './shared-body.ts';

export type DashboardOptions = {
  publicUrl: () => string;
  providers: readonly { id: string; name: string }[];
  /** Where `bin/build-dashboard` puts it. */
  folder?: string;
};

type Built = {
  /** The page up to its head's end, and from there on. */
  page: [string, string];
  /** By name. */
  assets: ReadonlyMap<string, Asset>;
};

type Asset = { type: string; plain: Uint8Array; zipped: Uint8Array };

/** No script or style stands in the page, and nobody else is asked for anything. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Their names hold a digest of what is in them. */
const assetsAge = 'public, max-age=31536000, immutable';

const builtFolder = fileURLToPath(new URL('../../dist/dashboard/', import.meta.url));

/** `/` and `/assets/*`; and `pageAt` for the addresses that are nothing else. */
export function dashboardRoutes({ publicUrl, providers, folder = builtFolder }: DashboardOptions) {
  let read: Promise<Built> | undefined;
  const built = async () =>
    await (read ??= readBuilt(folder).catch((error: unknown) => {
      // It may be built while the service runs.
      read = undefined;
      throw error;
    }));

  async function answerPage(c: Context): Promise<Response> {
    const { page } = await built().catch(() => ({ page: null }));
    if (page === null) return notBuilt(c);
    const text = await headed(page, homeOf(publicUrl()), providers);
    const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
    c.header('Content-Security-Policy', policy);
    c.header('Cache-Control', 'no-cache');
    c.header('ETag', etag);
    if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304);
    return c.html(text);
  }

  const routes = new Hono();
  routes.get('/', async (c) => await answerPage(c));
  routes.get('/assets/:name', async (c, next) => {
    const asset = (await built().catch(() => null))?.assets.get(c.req.param('name'));
    if (asset === undefined) return await next();
    const isZipped = prefersGzip(c.req.raw);
    const bytes = isZipped ? asset.zipped : asset.plain;
    c.header('Vary', 'Accept-Encoding');
    c.header('Cache-Control', assetsAge);
    c.header('Content-Type', asset.type);
    c.header('Content-Length', String(bytes.length));
    if (isZipped) c.header('Content-Encoding', 'gzip');
    return c.req.method === 'HEAD' ? c.body(null) : c.body(sharedBody(bytes));
  });

  /**
   * The page where a browser opens an address that may be a view; null for a program, and for what is a file's name. Of all
   * that views show, only types of events have dots in their names.
   */
  async function pageAt(c: Context): Promise<Response | null> {
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    const { path } = c.req;
    const isFile = path.startsWith('/assets/') || (path.includes('.') && !path.startsWith('/event-types/'));
    const isView = isRead && !isFile && prefersHtml(c.req.raw);
    return isView ? await answerPage(c) : null;
  }
  return { routes, pageAt };
}

async function readBuilt(folder: string): Promise<Built> {
  const text = await readFile(join(folder, 'index.html'), 'utf8');
  const end = text.indexOf('<meta name="color-scheme"');
  if (end < 0) throw new Error('the page of the dashboard has no place for its base');
  const names = await readdir(join(folder, 'assets'));
  const assets = await Promise.all(
    names.map(async (name): Promise<[string, Asset]> => {
      const plain = await readFile(join(folder, 'assets', name));
      const zipped = await promisify(gzip)(plain);
      return [name, { type: types[extname(name)] ?? 'application/octet-stream', plain, zipped }];
    }),
  );
  return { page: [text.slice(0, end), text.slice(end)], assets: new Map(assets) };
}

/** The page with what this service knows and its API does not say. Before every address in it, so that the base counts. */
async function headed([begin, rest]: Built['page'], home: string, providers: DashboardOptions['providers']) {
  const known = await html`<base href="${home}" />
    ${providers.map(({ id, name }) => html`<meta name="provider" content="${id}" data-name="${name}" /> `)}`;
  return `${begin}${known.toString()}${rest}`;
}

function notBuilt(c: Context) {
  c.header('Content-Security-Policy', pagePolicy);
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>No dashboard: Tidings</title>
        <h1>The dashboard is not built</h1>
        <p>Run <code>make setup</code> in the checkout of Tidings, and load this page again.</p>
        <ul>
          <li><a href="account">Your account</a>, and <a href="graphiql">GraphiQL</a></li>
        </ul>
      </html> `,
    503,
  );
}
