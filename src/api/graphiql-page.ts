// A program of its own: prints the page of GraphiQL. In the service its 9 MB would hold up everything else, and take 100 MB.

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { tokenBar } from './graphiql-token.ts';

/** The first line of what it prints, as JSON. The compressed page follows, and the page as it is. */
export type PageHead = { etag: string; zippedBytes: number };

async function renderPage(): Promise<Buffer> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const page = renderGraphiQL({
    title: 'Tidings GraphiQL',
    // Beside this page, also where a proxy serves both below a path.
    endpoint: 'graphql',
    defaultTabs: await readOperations(),
    defaultEditorToolsVisibility: 'variables',
    // Otherwise the browser would store a token that somebody writes there.
    shouldPersistHeaders: false,
  });
  const root = '<div id="root"></div>';
  if (page.split(root).length !== 2) throw new Error('the page of GraphiQL has no place for the token');
  // Not a pattern: the bar's script may have a $ in it.
  const html = page.replace(root, () => `${tokenBar}${root}`);
  return Buffer.from(html);
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

const plain = await renderPage();
const zipped = gzipSync(plain);
const etag = `"${createHash('sha256').update(plain).digest('base64url')}"`;
const head: PageHead = { etag, zippedBytes: zipped.length };
process.stdout.write(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), zipped, plain]));
