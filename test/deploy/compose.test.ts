// compose.yaml against what it starts: the image, the settings, the secrets, and the commands of docs/deploying.md.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { readEnvironment } from '../../src/settings/environment.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { resolveServiceSecrets } from '../../src/settings/service-secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { root, sampleNamed } from '../docs/markdown.ts';
import { testWith } from '../docs/other-language.ts';
import { administer } from '../support/administer.ts';
import { runTidings } from '../support/run-tidings.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

type Service = {
  image: string;
  profiles?: string[];
  pids_limit?: number;
  volumes?: string[];
  networks: string[] | Record<string, { ipv4_address: string }>;
  command?: string[];
  container_name?: string;
  environment?: Record<string, string>;
  secrets?: string[];
  ports?: string[];
  restart: string;
  stop_grace_period?: string;
  healthcheck?: object;
  cpus?: number;
  mem_limit?: string;
  logging?: { options?: Record<string, string> };
  depends_on?: Record<string, { condition: string }>;
};
type Network = { internal?: boolean; ipam?: { config: { subnet: string }[] } } | null;
type Compose = {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  networks: Record<string, Network>;
};

const text = async (path: string) => await readFile(join(root, path), 'utf8');
const { services, secrets, networks } = parse(await text('compose.yaml')) as Compose;
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
    expect.arrayContaining(['admin_token', 'read_token', 'session_secret', 'database_url', 'valkey_url']),
  );
  expect(migrate.secrets).toEqual(['database_url']);
  expect(services['postgres']?.environment?.['POSTGRES_PASSWORD_FILE']).toBe('/run/secrets/postgres_admin_password');
});

test.each(all)('%s has limits, a log that is rotated, and where it stays a health check', (_, service) => {
  expect(service.cpus).toBeGreaterThan(0);
  expect(service.mem_limit).toMatch(/^\d+[mg]$/);
  expect(service.pids_limit).toBeGreaterThan(0);
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
  const limit = Number.parseInt(services['valkey']?.mem_limit ?? '', 10);
  expect(Number.parseInt(after('--maxmemory') ?? '', 10)).toBeLessThanOrEqual(limit / 2);
});

testWith(
  'openssl',
  'the commands of the docs make every secret, and a configuration that sends every event',
  async () => {
    await using scratch = await scratchDirectory();
    await cp(join(root, 'config'), join(scratch.path, 'config'), { recursive: true });
    execFileSync('/bin/sh', ['-eu', '-c', sampleNamed('docs/deploying.md sh 1')], { cwd: scratch.path });

    const files = await readdir(join(scratch.path, 'secrets'));
    expect(files.toSorted()).toEqual(Object.keys(secrets).toSorted());
    for (const [name, { file }] of Object.entries(secrets)) {
      expect(file).toBe(`./secrets/${name}`);
      // The image's user reads them.
      expect([file, (await stat(join(scratch.path, file))).mode & 0o777]).toEqual([file, 0o644]);
    }
    const found = createSecrets({ directory: join(scratch.path, 'secrets'), warn: () => {}, environment: {} });
    const valueOf = async (name: string) => ((await found.resolve(name)) as { value: string }).value;
    const url = new URL(await valueOf('database_url'));
    expect([url.username, url.password, url.hostname, url.pathname]).toEqual([
      ...['tidings', await valueOf('postgres_password'), 'postgres', '/tidings'],
    ]);
    const valkeyUrl = await valueOf('valkey_url');
    expect(readEnvironment({ DATABASE_URL: url.href, VALKEY_URL: valkeyUrl })).toHaveProperty('settings');
    const { password, host } = new URL(valkeyUrl);
    expect([password, host]).toEqual([await valueOf('valkey_password'), 'valkey:6379']);
    const readToken = await valueOf('read_token');
    expect(await resolveServiceSecrets({ secrets: found, localDirectory: null })).toMatchObject({ readToken });

    const webhooks = await readWebhooks({ directory: scratch.path, allowHttp: true, secrets: found });
    expect(webhooks).toMatchObject({
      ok: true,
      warnings: [],
      endpoints: [{ id: 'crm', enabled: true, events: ['*'] }],
    });
    expect(tidings.secrets).toEqual(expect.arrayContaining(['crm_webhook_secret']));
  },
);

test('the demo is a profile: its receiver is the endpoint of the example, and its address is all that is allowed', async () => {
  const { receiver } = services as { receiver: Service };
  expect(all.filter(([, { profiles }]) => profiles !== undefined)).toEqual([['receiver', receiver]]);
  const address = (receiver.networks as Record<string, { ipv4_address: string }>)['demo']!.ipv4_address;
  const [, given = ''] = /^export (.*)$/m.exec(sampleNamed('docs/deploying.md sh 2')) ?? [];
  expect(given).toBe(`WEBHOOK_ALLOW_HTTP=true WEBHOOK_ALLOWED_NETWORKS=${address}`);
  expect(settled(tidings.environment)).toMatchObject({ WEBHOOK_ALLOW_HTTP: 'false', WEBHOOK_ALLOWED_NETWORKS: '' });
  const [network = '', bits] = networks['demo']!.ipam!.config[0]!.subnet.split('/');
  const addresses = new BlockList();
  addresses.addSubnet(network, Number(bits));
  expect(addresses.check(address)).toBe(true);

  const option = (name: string) => receiver.command?.find((word) => word.startsWith(`--${name}=`))?.split('=')[1];
  const { endpoints } = parse(await text('config/webhooks-compose.yaml.example')) as {
    endpoints: { url: string; secret: string }[];
  };
  const { hostname, port } = new URL(endpoints[0]!.url);
  expect([hostname, port]).toEqual(['receiver', option('port')]);
  expect([option('host'), option('secret-file')]).toEqual(['0.0.0.0', `/run/secrets/${endpoints[0]!.secret}`]);
  expect(JSON.stringify(receiver.healthcheck)).toContain(`http://127.0.0.1:${port}`);
});

testWith('psql', 'Postgres begins with a role of the service that is no superuser, and owns its database', async () => {
  await using scratch = await scratchDirectory();
  expect(services['postgres']?.volumes).toContain(
    './deploy/create-database.sh:/docker-entrypoint-initdb.d/create-database.sh:ro',
  );
  const name = `compose_${randomBytes(6).toString('hex')}`;
  const script = (await text('deploy/create-database.sh'))
    .replaceAll(/(role|database|owner) tidings/g, `$1 ${name}`)
    .replace('/run/secrets', scratch.path);
  await writeFile(join(scratch.path, 'postgres_password'), "it's \\any\n");
  const server = new URL(inject('postgresUrl'));
  const { hostname: PGHOST, port: PGPORT, username: POSTGRES_USER } = server;
  const env = { PATH: process.env['PATH'], PGHOST, PGPORT, POSTGRES_USER, PGPASSWORD: server.password };
  execFileSync('/bin/sh', ['-c', script], { env });
  try {
    const url = Object.assign(new URL(server), { username: name, password: "it's \\any", pathname: `/${name}` });
    const { stdout, stderr, status } = await runTidings(['migrate'], { environment: { DATABASE_URL: url.href } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('0001-first-tables');
  } finally {
    await administer(server.href, `drop database ${name}`, `drop role ${name}`);
  }
});
