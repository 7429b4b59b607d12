import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { openApiText } from '../../src/api/open-api.ts';
import { type Door, openDoor } from './door.ts';

const printed = readFileSync(new URL('../../schema/openapi.json', import.meta.url), 'utf8');

type Described = { summary?: string; responses: Record<string, { description?: string }>; parameters?: object[] };
const { openapi, paths } = JSON.parse(printed) as {
  openapi: string;
  paths: Record<string, Record<string, Described>>;
};

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

test('the printed description is the one of the routes (else run: node schema/print-openapi.ts >schema/openapi.json)', () => {
  expect(printed).toBe(openApiText(packageJson.version));
});

test('it is OpenAPI 3.1 of sign-in, health, metrics and event types, each route, parameter and answer with a description', () => {
  expect(openapi).toBe('3.1.0');
  expect(Object.keys(paths)).toEqual([
    ...['/oauth/{provider}', '/oauth/{provider}/callback', '/healthz', '/readyz', '/metrics', '/events/types'],
  ]);
  const silent = Object.entries(paths).flatMap(([path, { get }]) => [
    ...(get?.summary ? [] : [path]),
    ...Object.entries(get!.responses).flatMap(([status, { description }]) => (description ? [] : [path + status])),
    ...(get!.parameters ?? []).filter((parameter) => !/"description":"./.test(JSON.stringify(parameter))),
  ]);
  expect(silent).toEqual([]);
});

test.each(Object.keys(paths))('%s is answered with a status that it describes', async (path) => {
  const response = await door.fetch(path.replace('{provider}', 'nobody'), { headers: { accept: 'application/json' } });
  expect(Object.keys(paths[path]!['get']!.responses)).toContain(String(response.status));
});
