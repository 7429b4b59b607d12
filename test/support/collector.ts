// A collector of traces: takes spans by OTLP over HTTP, and shows them.

import { type IncomingHttpHeaders, createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { type SeenSpan, spansInJson, spansInProtobuf } from './otlp.ts';
import { type Listening, listen } from './receiver/listen.ts';

export type Export = { path: string; headers: IncomingHttpHeaders; spans: number };

export type Collector = Listening & {
  url: string;
  /** In the order in which they came. */
  spans: readonly SeenSpan[];
  exports: readonly Export[];
  /** Those of a trace. */
  of(traceId: string): SeenSpan[];
};

/** `status`: null never answers. */
export async function openCollector({ status = 200 }: { status?: number | null } = {}): Promise<Collector> {
  const spans: SeenSpan[] = [];
  const exports: Export[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const sent = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      const isJson = request.headers['content-type'] === 'application/json';
      const came = isJson ? spansInJson(body.toString()) : spansInProtobuf(body);
      exports.push({ path: request.url!, headers: request.headers, spans: came.length });
      if (status === null) return;
      if (status === 200) spans.push(...came);
      response.writeHead(status, { 'content-type': request.headers['content-type'] }).end(isJson ? '{}' : '');
    });
  });
  const listening = await listen(server);
  return {
    ...listening,
    url: `http://127.0.0.1:${listening.port}`,
    spans,
    exports,
    of: (traceId) => spans.filter((span) => span.traceId === traceId),
  };
}
