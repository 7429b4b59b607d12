// compose.yaml against what it starts: the image, the settings, the secrets, and the commands of docs/operations.md.

import { execFileSync } from 'node:child_process';
import { cp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readEnvironment } from '../../src/settings/environment.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

type Service = {
  image: string;
  command?: string[];
  container_name?: string;
  environment?: Record<string, string>;
  secrets?: string[];
  ports?: string[];
  restart: string;
  stop_grace_period?: string;
  healthcheck?: object;
  deploy?: { resources?: { limits?: Record<string, string | number> } };
  logging?: { options?: Record<string, string> };
  depends_on?: Record<string, { condition: string }>;
};
type Compose = { services: Record<string, Service>; secrets: Record<string, { file: string }> };

const root = join(import.meta.dirname, '..', '..');
const text = async (path: string) => await readFile(join(root, path), 'utf8');
const { services, secrets } = parse(await text('compose.yaml')) as Compose;
const dockerfile = await text('Dockerfile');
const { version } = JSON.parse(await text('package.json')) as { version: string };
const { tidings, migrate } = services as { tidings: Service; migrate: Service };
const all = Object.entries(services);

/** `${NAME:-default}` as it is when nobody sets it. */
const settled = (environment: Record<string, string> = {}) =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-([^}]*)\}/, '$1')]),
  );

test('every image is named by its full version, the base of our own too', () => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, name = '']) => name);
  expect(bases).toHaveLength(3);
  expect(new Set([...bases, /base\.name="docker\.io\/library\/([^"]+)"/.exec(dockerfile)?.[1]]).size).toBe(1);
  const postgres = /^postgres:\d+\.\d+-[a-z]+$/;
  expect(services['postgres']?.image).toMatch(postgres);
  for (const image of [...bases, ...all.map(([, service]) => service.image)].filter((one) => !postgres.test(one))) {
    expect(image).toMatch(/^[a-z/]+:\d+\.\d+\.\d+(-[a-z-]+)?$/);
  }
  expect([tidings.image, migrate.image]).toEqual([`tidings:${version}`, `tidings:${version}`]);
  expect(dockerfile).toContain(`org.opencontainers.image.version="${version}"`);
});

test('every setting that it gives is one that a start knows and accepts', async () => {
  const environment = { ...settled(migrate.environment), ...settled(tidings.environment) };
  expect(readEnvironment(environment)).toHaveProperty('settings');
  const documented = new Set([...(await text('docs/settings.md')).matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));
  expect(Object.keys(environment).filter((name) => !documented.has(name))).toEqual([]);
});

test('no password is in an environment: each is a secret, declared once, and used', () => {
  for (const [, { environment, secrets: used = [] }] of all) {
    expect(used.filter((name) => !(name in secrets))).toEqual([]);
    for (const [name, value] of Object.entries(environment ?? {})) {
      expect(['DATABASE_URL', 'VALKEY_URL']).not.toContain(name);
      expect(value).not.toMatch(/:\/\/[^/]*@/);
      if (/PASSWORD|TOKEN|SECRET/.test(name)) expect(value).toMatch(/^\/run\/secrets\//);
    }
  }
  const used = new Set(all.flatMap(([, service]) => service.secrets ?? []));
  expect(Object.keys(secrets).filter((name) => !used.has(name))).toEqual([]);
  expect(tidings.secrets).toEqual(
    expect.arrayContaining(['admin_token', 'session_secret', 'database_url', 'valkey_url']),
  );
  expect(migrate.secrets).toEqual(['database_url']);
  expect(services['postgres']?.environment?.['POSTGRES_PASSWORD_FILE']).toBe('/run/secrets/postgres_password');
});

test.each(all)('%s has limits, a log that is rotated, and where it stays a health check', (_, service) => {
  const { cpus, memory, pids } = service.deploy?.resources?.limits ?? {};
  expect(Number(cpus)).toBeGreaterThan(0);
  expect(memory).toMatch(/^\d+[mg]$/);
  expect(pids).toBeGreaterThan(0);
  expect(service.logging?.options).toMatchObject({ 'max-size': expect.any(String), 'max-file': expect.any(String) });
  const isChecked = service.healthcheck !== undefined || (service === tidings && /^HEALTHCHECK /m.test(dockerfile));
  expect(isChecked).toBe(service.restart !== 'no');
});

test('Valkey starts with the password of its secret, and is asked with it', () => {
  const { command = [], healthcheck, secrets: used } = services['valkey']!;
  expect(used).toEqual(['valkey_password']);
  expect(command.at(-1)).toMatch(
    /valkey-server - .*<<END\nrequirepass \$\$\(cat \/run\/secrets\/valkey_password\)\nEND\n$/,
  );
  expect(JSON.stringify(healthcheck)).toContain('/run/secrets/valkey_password');
});

test('the service waits for migrate, and migrate for Postgres; nobody waits for a healthy Valkey', () => {
  expect(migrate.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
  expect(migrate.command).toEqual(['migrate']);
  expect(tidings.depends_on).toEqual({
    migrate: { condition: 'service_completed_successfully' },
    valkey: { condition: 'service_started' },
  });
});

test('it scales: the ports are a range on loopback that leads to the port of the image, and no container has a name', () => {
  const [, from, to, port] = /^127\.0\.0\.1:(\d+)-(\d+):(\d+)$/.exec(tidings.ports?.join() ?? '') ?? [];
  expect(Number(to) - Number(from)).toBeGreaterThanOrEqual(9);
  expect(dockerfile).toMatch(new RegExp(`^EXPOSE ${port}$`, 'm'));
  expect(dockerfile).toMatch(new RegExp(`PORT=${port}$`, 'm'));
  expect(all.filter(([, service]) => service.container_name !== undefined)).toEqual([]);
});

test('a stop waits longer than the grace', () => {
  const seconds = (duration = '') => Number(/^(\d+)s$/.exec(duration)?.[1]);
  expect(seconds(tidings.stop_grace_period)).toBeGreaterThan(seconds(tidings.environment?.['SHUTDOWN_GRACE']));
});

test('Valkey evicts nothing, and has at most half of its memory limit', () => {
  const command = services['valkey']?.command?.at(-1)?.split(/\s+/) ?? [];
  const after = (option: string) => command[command.indexOf(option) + 1];
  expect(after('--maxmemory-policy')).toBe('noeviction');
  const limit = Number.parseInt(String(services['valkey']?.deploy?.resources?.limits?.['memory']), 10);
  expect(Number.parseInt(after('--maxmemory') ?? '', 10)).toBeLessThanOrEqual(limit / 2);
});

test('the commands of the docs make every secret, and a configuration that sends every event', async () => {
  const [, commands = ''] = /^## Docker\n\n```sh\n([^`]*)```/m.exec(await text('docs/operations.md')) ?? [];
  await using scratch = await scratchDirectory();
  await cp(join(root, 'config'), join(scratch.path, 'config'), { recursive: true });
  const before = commands.replace(/^docker compose .*$/m, '');
  expect(before).not.toBe(commands);
  execFileSync('/bin/sh', ['-eu', '-c', before], { cwd: scratch.path });

  const files = await readdir(join(scratch.path, 'secrets'));
  expect(files.toSorted()).toEqual(Object.keys(secrets).toSorted());
  for (const [name, { file }] of Object.entries(secrets)) expect(file).toBe(`./secrets/${name}`);
  const found = createSecrets({ directory: join(scratch.path, 'secrets'), warn: () => {}, environment: {} });
  const valueOf = async (name: string) => ((await found.resolve(name)) as { value: string }).value;
  const url = new URL(await valueOf('database_url'));
  const { POSTGRES_USER, POSTGRES_DB } = services['postgres']?.environment ?? {};
  expect([url.username, url.password, url.hostname, url.pathname]).toEqual([
    ...[POSTGRES_USER, await valueOf('postgres_password'), 'postgres', `/${POSTGRES_DB}`],
  ]);
  const valkeyUrl = await valueOf('valkey_url');
  expect(readEnvironment({ DATABASE_URL: url.href, VALKEY_URL: valkeyUrl })).toHaveProperty('settings');
  const { password, host } = new URL(valkeyUrl);
  expect([password, host]).toEqual([await valueOf('valkey_password'), 'valkey:6379']);

  const webhooks = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets: found });
  expect(webhooks).toMatchObject({ ok: true, warnings: [], endpoints: [{ id: 'crm', enabled: true, events: ['*'] }] });
  expect(tidings.secrets).toEqual(expect.arrayContaining(['crm_webhook_secret']));
});
