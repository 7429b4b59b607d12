// `tidings delivery`: one attempt with its request and its answer; with --curl the command that sends it again by hand.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import type { ListedDelivery } from './deliveries.ts';
import { oneDelivery } from './documents.ts';
import { Failure, notFound } from './failure.ts';
import { shellWord } from './shell-word.ts';
import { fields } from './table.ts';
import { print, printJson, printLines, say } from './terminal.ts';

type Header = { name: string; value: string };

type WholeDelivery = ListedDelivery & {
  endpointUrl: string;
  responseBody: string | null;
  responseHeaders: Header[] | null;
  requestHeaders: Header[];
  timings: { dnsMs: number | null; connectMs: number | null; tlsMs: number | null };
  remoteAddress: string | null;
  event: { payload: string; subject: string | null; position: string | null } | null;
};

export async function delivery(
  id: string,
  { json, curl, ...options }: ClientOptions & { json?: boolean; curl?: boolean },
): Promise<void> {
  const client = await openClient(options);
  const { webhookDelivery: found } = await client.ask<{ webhookDelivery: WholeDelivery | null }>(oneDelivery, { id });
  if (found === null) throw notFound(`delivery ${id}`);
  if (curl === true) return printCurl(found, json);
  if (json === true) return printJson(found, 2);
  printLines(fields(valuesOf(found)));
  printPart('request', found.requestHeaders, found.event?.payload ?? null);
  printPart('answer', found.responseHeaders ?? [], found.responseBody);
}

function valuesOf(found: WholeDelivery): (readonly [string, string | null])[] {
  const { dnsMs, connectMs, tlsMs } = found.timings;
  const opened = Object.entries({ dns: dnsMs, connect: connectMs, tls: tlsMs }).filter(([, ms]) => ms !== null);
  return [
    ['id', found.id],
    ['event', `${found.eventId} (${found.eventType})`],
    ['position', found.event?.position ?? null],
    ['subject', found.event?.subject ?? null],
    ['endpoint', found.endpointId],
    ['url', found.endpointUrl],
    ['status', found.httpStatus === null ? found.status : `${found.status}, HTTP ${found.httpStatus}`],
    ['error', found.errorMessage],
    ['attempt', `${found.attemptCount}, ${found.origin.toLowerCase()}`],
    ['begun', found.createdAt],
    ['answered', found.completedAt],
    ['took', found.latencyMs === null ? null : `${found.latencyMs} ms`],
    ['opening', opened.length === 0 ? null : opened.map(([what, ms]) => `${what} ${ms} ms`).join(', ')],
    ['reached', found.remoteAddress],
    ['next attempt', found.nextAttemptAt],
  ];
}

function printPart(name: string, headers: readonly Header[], body: string | null): void {
  if (headers.length === 0 && body === null) return;
  print('');
  print(`${name}:`);
  for (const header of headers) print(`  ${header.name}: ${header.value}`);
  if (body !== null) print(`  ${body}`);
}

const redacted = '[redacted]';
/** curl makes them itself. */
const ofCurl = new Set(['host', 'content-length', 'connection']);

function printCurl({ id, endpointUrl, requestHeaders, event }: WholeDelivery, json: boolean | undefined): void {
  if (event === null) throw new Failure(`The event of the delivery ${id} is no longer kept, so there is no body.`);
  const left = requestHeaders.filter(({ value }) => value.includes(redacted)).map(({ name }) => name);
  const headers = requestHeaders.filter(({ name }) => !left.includes(name) && !ofCurl.has(name.toLowerCase()));
  const words = [
    ['curl', '--request', 'POST', shellWord(endpointUrl)],
    ...headers.map(({ name, value }) => ['--header', shellWord(`${name}: ${value}`)]),
    ['--data-binary', shellWord(event.payload)],
  ].map((line) => line.join(' '));
  if (json === true) printJson(words.join(' '));
  else
    printLines(
      words.map((line, index) => `${index === 0 ? '' : '  '}${line}${index === words.length - 1 ? '' : ' \\'}`),
    );
  if (left.length > 0) say(`Left out, since they are secret: ${left.join(', ')}. tidings sign makes signatures.`);
}
