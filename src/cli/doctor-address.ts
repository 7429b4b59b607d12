// Looks at the address on which a start would listen.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Settings } from '../settings/environment.ts';
import { findRunningServices } from '../settings/running-services.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { type Finding, right, wrong } from './finding.ts';

const part = 'address';

export async function lookAtAddress(
  { host, port, metricsPort }: Pick<Settings, 'host' | 'port' | 'metricsPort'>,
  stateDirectory: string,
): Promise<Finding[]> {
  const ports = [
    { name: 'PORT', port },
    ...(metricsPort === null ? [] : [{ name: 'METRICS_PORT', port: metricsPort }]),
  ];
  const found = [];
  for (const { name, port: one } of ports) found.push(await lookAtPort(host, one, name, stateDirectory));
  return found;
}

async function lookAtPort(host: string, port: number, name: string, stateDirectory: string): Promise<Finding> {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return right(part, `${place} is free`);
  } catch (error) {
    const running = await findRunningServices(stateDirectory);
    if (running.some(({ url }) => name === 'METRICS_PORT' || Number(new URL(url).port) === port)) {
      return right(part, `${place}: the service that runs here has it`);
    }
    return wrong(
      part,
      `nobody can listen on ${place} (${reasonOf(error)}): set HOST to an address of this machine, and ${name} to a free one, or to 0`,
    );
  } finally {
    server.close();
  }
}
