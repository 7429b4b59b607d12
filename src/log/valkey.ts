// Opens a connection to Valkey that queues nothing, repeats nothing and leaves nobody waiting.

import { Redis } from 'ioredis';

const connectTimeoutMs = 1_000;

/**
 * Connects at once and again whenever the connection is lost; until then every command is rejected. `onProblem` hears
 * why, in words for the operator.
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
    retryStrategy: (tries: number) => Math.min(50 * 2 ** Math.min(tries, 5), 1_000),
  });
  client.on('error', (error: Error) => onProblem(problemOf(error)));
  client.on('close', () => onProblem('does not answer'));
  return client;
}

/** What Valkey itself says is for the operator; the client's own messages name the host, or its options. */
export function problemOf(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string };
  return name === 'ReplyError' ? message : (code ?? 'does not answer');
}
