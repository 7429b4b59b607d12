// Opens a connection to Valkey that queues nothing, repeats nothing and leaves nobody waiting.

import { type ChainableCommander, Redis } from 'ioredis';
import { backoffMs } from '../policy/retry.ts';
import { valkeyDelaysMs } from '../policy/retry-delays.ts';

const connectTimeoutMs = 1_000;
/** Longer answers are none of ours: whoever can write to Valkey would fill this process's memory with one. */
const mostAnswerBytes = 2 * 1024 * 1024;
/** A subscriber, which only waits, would never notice that the network dropped its connection. */
const pingEveryMs = 5_000;

/**
 * Connects at once, and again whenever the connection is lost. Without a connection every command is rejected. `onProblem`
 * gets the reason, in words for the operator: once a try failed, it stays the reason until the next one says another.
 */
export function openValkey({
  url,
  commandTimeoutMs,
  onProblem,
  onTooLong = () => {},
}: {
  url: string;
  commandTimeoutMs: number;
  onProblem: (problem: string) => void;
  /** An answer was above 2 MiB, so the connection is closed. */
  onTooLong?: () => void;
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
  /** Why this connection could not be used. */
  let problem: string | null = null;
  client.on('ready', () => (problem = null));
  client.on('error', (error: Error) => {
    problem = problemOf(error) ?? problem;
    if (problem !== null) onProblem(problem);
    // The client would go on in the database 0, where these keys do not belong.
    if (isRefusedDatabase(error)) client.disconnect(true);
  });
  limitAnswers(client, () => {
    problem = 'an answer was longer than 2 MiB';
    onTooLong();
  });
  client.on('close', () => onProblem(problem ?? 'does not answer'));
  const pinger = setInterval(() => {
    if (client.status === 'ready') client.ping().catch(() => {});
  }, pingEveryMs);
  client.once('end', () => clearInterval(pinger));
  return client;
}

/** Closes the connection within an answer, or a message, that is too long. Answers on one connection come one after another. */
function limitAnswers(client: Redis, onTooLong: () => void): void {
  let bytes = 0;
  const ended = () => {
    bytes = 0;
  };
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, stream) => {
    command.promise.then(ended, ended);
    return send(command, stream);
  };
  client.on('message', ended);
  client.on('connect', () => {
    ended();
    const { stream } = client;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= mostAnswerBytes || stream.destroyed) return;
      onTooLong();
      stream.destroy();
    });
  });
}

/**
 * Why Valkey could not do something: its own words, or the code of a system error. Null: the client itself gave up, and
 * its words would name the host, or its options.
 */
export function problemOf(error: unknown): string | null {
  const { name, message, code } = error as Error & { code?: string };
  if (name !== 'ReplyError') return code ?? null;
  const [, moved] = /^((?:MOVED|ASK) \d+)/.exec(message) ?? [];
  return moved === undefined ? message : `${moved}: this is a cluster, and another server of it has the key`;
}

function isRefusedDatabase(error: Error & { command?: { name?: string } }): boolean {
  return error.name === 'ReplyError' && error.command?.name === 'select';
}

/** Sends all of them at once, and throws the first refusal. */
export async function tryAll(commands: ChainableCommander): Promise<void> {
  for (const [error] of (await commands.exec()) ?? []) if (error) throw error;
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
