import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { openHttp } from '../../src/api/server.ts';
import { parseOrigins, parsePublicUrl } from '../../src/settings/addresses.ts';
import { readClientSettings } from '../../src/settings/client-settings.ts';
import { endpointUrlProblem } from '../../src/settings/endpoint-url.ts';
import { readEnvironment } from '../../src/settings/environment.ts';
import { providerUrlProblem } from '../../src/settings/provider-url.ts';
import { acceptRedirect } from '../../src/users/redirects.ts';
import { odd, serveAt } from '../support/listen-at.ts';
import { executable } from '../support/run-tidings.ts';

const app = new Hono().get('/healthz', (c) => c.json({ status: 'ok' }));

test.each(['::1', '::', '127.0.0.1', 'localhost'])(
  'with HOST=%s the address that is shown can be asked',
  async (host) => {
    const read = readEnvironment({ HOST: host });
    if ('problems' in read) throw new Error(read.problems.join());
    await using http = await openHttp({ host: read.settings.host, port: 0, app });
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
  },
);

test('an address in brackets can be the own origin of a redirect', async () => {
  await using http = await openHttp({ host: '::1', port: 0, app });
  expect(acceptRedirect('/account', http.url, [])).toBe(`http://[::1]:${http.port}/account`);
  expect(acceptRedirect('http://[2001:db8::1]:3000/', http.url, ['http://[2001:db8::1]:3000'])).toBe(
    'http://[2001:db8::1]:3000/',
  );
});

test('an address that cannot be listened on is named with its brackets, and the zone is no part of a URL', async () => {
  await using taken = await openHttp({ host: '::1', port: 0, app });
  await expect(openHttp({ host: '::1', port: taken.port, app })).rejects.toThrow(
    `Cannot listen on [::1]:${taken.port} (EADDRINUSE)`,
  );
  await using zoned = await openHttp({ host: '::1%lo', port: 0, app });
  expect(zoned.url).toBe(`http://[::1]:${zoned.port}`);
  expect(new URL(zoned.url).port).toBe(String(zoned.port));
});

test('settings and files take addresses in brackets wherever they take a URL', async () => {
  expect(parsePublicUrl('http://[::1]:4000/')).toBe('http://[::1]:4000');
  expect(parseOrigins('http://[::1]:3000, https://[2001:db8::1]')).toEqual([
    'http://[::1]:3000',
    'https://[2001:db8::1]',
  ]);
  expect(endpointUrlProblem('https://[2001:db8::1]:8443/hook', false)).toBeNull();
  expect(providerUrlProblem('http://[::1]:8080')).toBeNull();
  expect(await readClientSettings({ url: 'http://[::1]:4000/', token: 't' }, {})).toEqual({
    url: 'http://[::1]:4000',
    token: 't',
    remark: null,
  });
});

/** As the container runtime runs it: without a shell. */
async function healthcheckOf(environment: Record<string, string>): Promise<number> {
  const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
  const [, form] = /^HEALTHCHECK [^\n]*\\\n\s*CMD (\[.*\])$/m.exec(dockerfile) ?? [];
  const [program, ...args] = JSON.parse(form ?? '[]') as string[];
  expect(program).toBe('/srv/tidings/bin/tidings');
  return await promisify(execFile)(executable, args, { env: { PATH: process.env['PATH'], ...environment } }).then(
    () => 0,
    (error: unknown) => (error as { code: number }).code,
  );
}

test.each(Object.entries(odd))("the image's health check reaches a service %s", async (_, where) => {
  let status = 200;
  await using service = await serveAt(where, (_request, response) => void response.writeHead(status).end());
  const environment = { HOST: where.host, PORT: String(service.port) };
  expect(await healthcheckOf(environment)).toBe(0);
  expect(service.received).toEqual(['/healthz']);
  status = 503;
  expect(await healthcheckOf(environment)).toBe(1);
});

test("the image's health check asks this machine when the service listens everywhere", async () => {
  for (const host of ['0.0.0.0', '::']) {
    await using service = await serveAt({ host, ports: [0] }, (_request, response) => void response.end());
    expect(await healthcheckOf({ HOST: host, PORT: String(service.port) })).toBe(0);
  }
});
