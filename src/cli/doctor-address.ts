// Looks at the address on which a start would listen.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Settings } from '../settings/environment.ts';
import { type RunningService, findRunningServices } from '../settings/running-services.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { type Finding, right, wrong } from './finding.ts';

const part = 'address';

type Name = 'PORT' | 'METRICS_PORT';

export async function lookAtAddress(
  { host, port, metricsPort }: Pick<Settings, 'host' | 'port' | 'metricsPort'>,
  stateDirectory: string,
): Promise<Finding[]> {
  const ports = [
    { name: 'PORT' as const, port },
    ...(metricsPort === null ? [] : [{ name: 'METRICS_PORT' as const, port: metricsPort }]),
  ];
  const found = [];
  for (const { name, port: one } of ports) found.push(await lookAtPort(host, one, name, stateDirectory));
  return found;
}

async function lookAtPort(host: string, port: number, name: Name, stateDirectory: string): Promise<Finding> {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return right(part, `${place} is free`);
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const running = isTaken ? await findRunningServices(stateDirectory) : [];
    if (running.some((service) => portOf(service, name) === port)) {
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

function portOf({ url, metricsPort }: RunningService, name: Name): number | null {
  return name === 'METRICS_PORT' ? metricsPort : Number(new URL(url).port || 80);
}
