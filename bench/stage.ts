// What most rows stand on: a receiver, servers, the service that delivers to the one by the others, and a meter of all.

import { type Meter, createMeter } from './cpu-time.ts';
import { type BenchEndpoint, writeConfiguration } from './endpoints.ts';
import type { Ground } from './ground.ts';
import { type Receiver, type ReceiverOptions, openReceiver } from './receiver.ts';
import { type Servers, openDirectory, openServers } from './servers.ts';
import { type Tidings, type TidingsOptions, startTidings } from './tidings.ts';

export type Stage = Servers & {
  directory: string;
  endpoints: readonly BenchEndpoint[];
  receiver: Receiver;
  tidings: Tidings;
  /** How it was started. */
  options: TidingsOptions;
  /** Of the receiver and the servers. */
  meter: Meter;
};

export const threads = 1;

export async function openStage(
  ground: Ground,
  endpoints: readonly BenchEndpoint[],
  {
    profileDirectory = null,
    receiver: kind = {},
    defaults = [],
    tellsCommits = false,
  }: {
    profileDirectory?: string | null;
    receiver?: ReceiverOptions;
    defaults?: readonly string[];
    tellsCommits?: boolean;
  } = {},
): Promise<Stage> {
  const directory = await openDirectory(ground);
  const receiver = await openReceiver(ground, directory, kind);
  const secretsDirectory = await writeConfiguration(directory, endpoints, receiver.url, defaults);
  const servers = await openServers(ground, directory, { tellsCommits });
  const { databaseUrl, valkeyUrl } = servers;
  const options = {
    ...{ directory, secretsDirectory, databaseUrl, valkeyUrl, threads, profileDirectory },
    authorityFile: receiver.authorityFile,
  };
  const tidings = await startTidings(ground, options);
  const processes: Record<string, number> = { receiver: receiver.pid };
  if (servers.valkeyPid !== null) processes['valkey'] = servers.valkeyPid;
  return { ...servers, directory, endpoints, receiver, tidings, options, meter: createMeter(servers.orm, processes) };
}
