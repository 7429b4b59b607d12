// Opens a connection to Valkey that queues nothing, repeats nothing and leaves nobody waiting.

import { Redis } from 'ioredis';
import { backoffMs } from '../policy/retry.ts';
import { valkeyDelaysMs } from '../policy/retry-delays.ts';

const connectTimeoutMs = 1_000;
/** A subscriber, which only waits, would never notice that the network dropped its connection. */
const pingEveryMs = 5_000;

/**
 * Connects at once, and again whenever the connection is lost. Without a connection every command is rejected. `onProblem`
 * gets the reason, in words for the operator.
 */
export function openValkey({
  url,
  commandTimeoutMs,
  onProblem,
}: {
  url: string;
  commandTimeoutMs: number;
  onProblem: (problem: string) => void;
}): Redis {
  const client = new Redis(url, {
    enableOfflineQueue: false,
    // A command sent twice after a reconnect would be done twice.
    maxRetriesPerRequest: 0,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // A connection that the network dropped stays silent, and a command's time-out alone would leave it open.
    socketTimeout: commandTimeoutMs,
    retryStrategy: (tries: number) => backoffMs(tries - 1, valkeyDelaysMs.base, valkeyDelaysMs.most),
  });
  client.on('error', (error: Error) => onProblem(problemOf(error)));
  client.on('close', () => onProblem('does not answer'));
  const pinger = setInterval(() => {
    if (client.status === 'ready') client.ping().catch(() => {});
  }, pingEveryMs);
  client.once('end', () => clearInterval(pinger));
  return client;
}

/** Valkey's own message is for the operator. The client's messages would name the host, or its options. */
export function problemOf(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string };
  return name === 'ReplyError' ? message : (code ?? 'does not answer');
}

/** Which setting of the server should be changed, in words for the operator. Null: none, or the server does not say. */
export async function adviceFor(client: Redis): Promise<string | null> {
  const memory = await client.info('memory').catch(() => '');
  const [most, policy] = ['maxmemory', 'maxmemory_policy'].map((name) => {
    return new RegExp(`^${name}:(\\S+)`, 'm').exec(memory)?.[1] ?? '';
  });
  return most !== '0' && policy!.startsWith('allkeys-')
    ? `its maxmemory-policy is ${policy}: when it is full it forgets events, which are then read from Postgres, more slowly; set it to noeviction`
    : null;
}
