// deploy/kubernetes.yaml against what it starts: the image, the settings, the secrets, the health routes and the guard.

import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { isPublicAddress } from '../../src/egress/public-address.ts';
import { readEnvironment } from '../../src/settings/environment.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { resolveServiceSecrets } from '../../src/settings/service-secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { root, sampleNamed } from '../docs/markdown.ts';
import { testWith } from '../docs/other-language.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { readDockerfile } from './dockerfile.ts';

type Probe = { httpGet: { path: string; port: string } };
type Container = {
  image: string;
  args?: string[];
  env?: { name: string; value: string }[];
  ports?: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  lifecycle: { preStop: { exec: { command: string[] } } };
  securityContext: object;
  resources: { requests: object; limits: object };
  volumeMounts: { name: string; mountPath: string; readOnly: boolean }[];
};
type Pod = {
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  securityContext: object;
  terminationGracePeriodSeconds?: number;
  containers: [Container];
  volumes: { name: string; secret?: { secretName: string; items?: { key: string }[] }; configMap?: { name: string } }[];
};
type Labels = Record<string, string>;
type Template = { metadata: { labels: Labels }; spec: Pod };
type Rule = { to: { ipBlock?: { cidr: string; except?: string[] } }[]; ports: { port: number }[] };
type Policy = {
  podSelector: { matchLabels: Labels };
  ingress: { from: { namespaceSelector: { matchLabels?: Labels } }[]; ports: { port: number }[] }[];
  egress: Rule[];
};

type Kind = { kind: string; metadata: { name: string; namespace?: string } };

const text = async (path: string) => await readFile(join(root, path), 'utf8');
const documents = parseAllDocuments(await text('deploy/kubernetes.yaml'));
const values = documents.map((one) => one.toJS() as Kind);
const the = (kind: string) => values.find((one) => one.kind === kind) as Kind & { spec: unknown };
type Deployment = { replicas: number; selector: { matchLabels: Labels }; template: Template };
const deployment = the('Deployment').spec as Deployment;
const job = the('Job') as { metadata: { name: string }; spec: { template: Template } };
const { data } = the('ConfigMap') as unknown as { data: Record<string, string> };
const policy = the('NetworkPolicy').spec as Policy;
const pods = { service: deployment.template.spec, migrate: job.spec.template.spec };
const service = pods.service.containers[0];
const { version } = JSON.parse(await text('package.json')) as { version: string };
const stage = readDockerfile(join(root, 'Dockerfile')).at(-1)!;

test('each document is YAML without a warning, of one kind, and all but the namespace are in it', () => {
  expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  expect(values.map(({ kind }) => kind)).toEqual([
    ...['Namespace', 'ConfigMap', 'Job', 'Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'],
  ]);
  const [namespace, ...others] = values;
  expect(new Set(others.map(({ metadata }) => metadata.namespace))).toEqual(new Set([namespace!.metadata.name]));
});

test('it starts this version, and a Job of its own name migrates to it', () => {
  for (const { containers } of Object.values(pods))
    expect(containers[0].image).toMatch(new RegExp(`/tidings:${version}$`));
  expect(job.metadata.name).toBe(`tidings-migrate-${version.replaceAll('.', '-')}`);
  expect(pods.migrate.containers[0].args).toEqual(['migrate']);
});

test.each(Object.entries(pods))('the pod of %s has no right that it does not need', (_, pod) => {
  const [uid, gid] = stage.user.split(':').map(Number);
  expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
  expect(pod.securityContext).toEqual({
    ...{ runAsNonRoot: true, runAsUser: uid, runAsGroup: gid, fsGroup: gid },
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const [container] = pod.containers;
  expect(container.securityContext).toEqual({
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  });
  expect(container.resources.limits).toHaveProperty('memory');
  for (const mount of container.volumeMounts) expect(mount.readOnly).toBe(true);
});

test('every setting is one that a start knows and accepts', async () => {
  const environment = Object.fromEntries(service.env!.map(({ name, value }) => [name, value]));
  expect(readEnvironment({ ...stage.environment, ...environment })).toHaveProperty('settings');
  const documented = await text('docs/settings.md');
  for (const name of Object.keys(environment)) expect(documented).toContain(`\`${name}\``);
});

test('the probes ask the routes of health, and a pod may end for longer than it waits and drains', () => {
  const port = Number(stage.environment['PORT']);
  expect(service.ports).toEqual([{ name: 'http', containerPort: port }]);
  const { startupProbe, livenessProbe, readinessProbe } = service;
  expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)).toEqual([
    ...['/healthz', '/healthz', '/readyz'].map((path) => ({ path, port: 'http' })),
  ]);
  const [program, seconds] = service.lifecycle.preStop.exec.command;
  expect(program).toBe('sleep');
  const grace = Number.parseInt(service.env!.find(({ name }) => name === 'SHUTDOWN_GRACE')!.value, 10);
  expect(pods.service.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + grace + 5);
});

test('the Service, the budget and the policy are for these pods', () => {
  const labels = deployment.template.metadata.labels;
  expect(deployment.replicas).toBe(2);
  const selector = deployment.selector.matchLabels;
  expect(labels).toMatchObject(selector);
  // The Job's pods are none of the Service's.
  expect(job.spec.template.metadata.labels).not.toMatchObject(selector);
  expect(the('Service')).toMatchObject({ spec: { selector } });
  const budget = { minAvailable: 1, selector: { matchLabels: selector } };
  expect(the('PodDisruptionBudget')).toMatchObject({ spec: budget });
  const { matchLabels } = policy.podSelector;
  for (const template of [deployment.template, job.spec.template]) {
    expect(template.metadata.labels).toMatchObject(matchLabels);
  }
});

test('what the policy keeps from https is what the guard refuses, and private addresses are among it', () => {
  const open = policy.egress.filter(({ to }) => to.some(({ ipBlock }) => ipBlock?.except !== undefined));
  expect(open.map(({ ports }) => ports.map(({ port }) => port))).toEqual([[443]]);
  const kept = new BlockList();
  for (const network of open[0]!.to.flatMap(({ ipBlock }) => ipBlock!.except!)) {
    const [address = '', bits] = network.split('/');
    kept.addSubnet(address, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
    const { IPv4, IPv6 } = ipaddr;
    const ends = network.includes(':')
      ? [IPv6.networkAddressFromCIDR(network), IPv6.broadcastAddressFromCIDR(network)]
      : [IPv4.networkAddressFromCIDR(network), IPv4.broadcastAddressFromCIDR(network)];
    for (const end of ends) expect([network, isPublicAddress(end.toString())]).toEqual([network, false]);
  }
  const special = [
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.1.1',
    '168.63.129.16',
  ];
  const isKept = (address: string) => kept.check(address);
  expect(special.filter((address) => !isKept(address))).toEqual([]);
  expect(isKept('93.184.215.14')).toBe(false);
});

test('the rules that stand as comments let one namespace reach METRICS_PORT, and the pods a collector beside Postgres', async () => {
  const manifest = (await text('deploy/kubernetes.yaml')).replaceAll(/^( *)# ( *(?:- |[\w./]+:(?: |$)))/gm, '$1$2');
  const { spec } = parseAllDocuments(manifest).at(-1)!.toJS() as { spec: Policy };
  const [first, ...more] = spec.ingress;
  expect([first]).toEqual(policy.ingress);
  expect(more).toMatchObject([{ ports: [{ port: 9464 }] }]);
  expect(more[0]!.from.map(({ namespaceSelector }) => Object.keys(namespaceSelector.matchLabels ?? {}))).toEqual([
    ['kubernetes.io/metadata.name'],
  ]);
  const portsTo = ({ egress }: Policy) => egress.map(({ ports }) => ports.map(({ port }) => port));
  expect(portsTo(policy)).toEqual([[53, 53], [5432, 6379], [443]]);
  expect(portsTo(spec)).toEqual([[53, 53], [5432, 6379, 4318], [443]]);
});

testWith(
  'openssl',
  'the commands of the docs make the Secret, and the ConfigMap is a configuration with it',
  async () => {
    await using scratch = await scratchDirectory();
    const programs = join(scratch.path, 'programs');
    await mkdir(programs);
    await writeFile(join(programs, 'kubectl'), '#!/bin/sh\necho "kubectl $*"\n', { mode: 0o755 });
    const env = { PATH: `${programs}:${process.env['PATH']}` };
    const run = (sample: string) =>
      execFileSync('/bin/sh', ['-euc', sample], { cwd: scratch.path, env, encoding: 'utf8' });
    expect(run(sampleNamed('docs/deploying.md sh 4')).trim().split('\n')).toEqual([
      `kubectl create namespace ${values[0]!.metadata.name}`,
      'kubectl -n tidings create secret generic tidings --from-file=secrets',
    ]);
    const folder = join(scratch.path, 'secrets');
    const secrets = createSecrets({ directory: folder, environment: {}, warn: () => {} });
    // What the sample of a scrape sends.
    expect(sampleNamed('docs/operations.md yaml 2')).toContain('credentials_file: /run/secrets/read_token');
    const readToken = (await readFile(join(folder, 'read_token'), 'utf8')).trim();
    expect(await resolveServiceSecrets({ secrets, localDirectory: null })).toMatchObject({ readToken });
    await mkdir(join(scratch.path, 'config'));
    for (const [name, content] of Object.entries(data)) await writeFile(join(scratch.path, 'config', name), content);
    const webhooks = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets });
    expect(webhooks).toMatchObject({ ok: true, warnings: [] });

    const mounted = pods.service.volumes.find(({ secret }) => secret !== undefined)!.secret!;
    expect(mounted.secretName).toBe('tidings');
    const [needed] = pods.migrate.volumes[0]!.secret!.items!;
    expect(await readdir(folder)).toContain(needed!.key);
    expect(service.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(['/run/secrets', `${stage.workdir}/config`]);

    for (const line of run(sampleNamed('docs/deploying.md sh 5')).trim().split('\n')) {
      const [, name] = /(?:job|deployment|service)\/(\S+)/.exec(line) ?? [];
      if (name !== undefined) expect(values.map(({ metadata }) => metadata.name)).toContain(name);
    }
  },
);
