// Runs the service as an operator does, as a process of its own, and asks it as the admin does.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compileCache } from './compile-cache.ts';
import { executable } from './run-tidings.ts';
import { adminToken } from './workplace.ts';

export type LogLine = { level: string; msg: string } & Record<string, unknown>;

export type RunningService = AsyncDisposable & {
  url: string;
  pid: number;
  /** What it logged, but for the line of each attempt. */
  lines: readonly LogLine[];
  /** The lines of attempts above the level info. */
  loudAttempts: readonly LogLine[];
  stderr(): string;
  /** As the admin; `Data` has the shape of the query. Throws an error with the `code` of the first GraphQL error. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at answers as they please
  ask<Data = any>(query: string, variables?: object): Promise<Data>;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
  send(signal: NodeJS.Signals): void;
  /** Reads nothing more of what it logs, until it is told to read on. */
  read(on: boolean): void;
  /** Sends a message to a program that takes some, and waits for its answer, or its end. */
  tell(message: object): Promise<unknown>;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
  /** SIGTERM; its exit code. */
  stop(): Promise<number | NodeJS.Signals>;
};

export type Program = {
  file: string;
  args: readonly string[];
  takesMessages: boolean;
  /** Hears every line of its output. */
  heard?(text: string): void;
};

const asOperatorsDo: Program = { file: executable, args: ['start'], takesMessages: false };

/** Resolves with the ready line; disposing is a clean stop, which kills it if it does not come. */
export async function startService(
  path: string,
  environment: Record<string, string> = {},
  { file, args, takesMessages, heard = () => {} } = asOperatorsDo,
): Promise<RunningService> {
  const child = spawn(file, args, {
    cwd: path,
    env: {
      PATH: process.env['PATH'],
      SECRETS_DIR: join(path, 'secrets'),
      PORT: '0',
      LOG_FORMAT: 'json',
      WEBHOOK_ALLOW_HTTP: 'true',
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
      ...compileCache,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(takesMessages ? ['ipc' as const] : [])],
  });
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const lines: LogLine[] = [];
  const loudAttempts: LogLine[] = [];
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  createInterface(child.stderr!).on('line', heard);
  const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
  const log = createInterface(child.stdout!).on('line', (text) => {
    heard(text);
    const line = JSON.parse(text) as LogLine;
    if (line.msg === 'attempt' && line.level !== 'info') loudAttempts.push(line);
    if (line.msg === 'attempt') return;
    lines.push(line);
    if (line.msg === 'ready') resolve(String(line['url']));
  });
  void ended.then((code) => reject(new Error(`the service ended with ${code} before it was ready: ${stderr}`)));
  const url = await ready;
  const send = (signal: NodeJS.Signals) => void child.kill(signal);

  return {
    url,
    pid: child.pid!,
    lines,
    loudAttempts,
    stderr: () => stderr,
    async ask<Data>(query: string, variables: object = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await response.json()) as { data: Data; errors?: GraphqlError[] };
      if (errors) throw Object.assign(new Error(errors[0]!.message), { code: errors[0]!.extensions.code });
      return data;
    },
    ended,
    send,
    read: (on) => void (on ? log.resume() : log.pause()),
    async tell(message) {
      const answer = once(child, 'message').then(([value]) => value as unknown);
      child.send(message, () => {});
      return await Promise.race([answer, ended]);
    },
    async kill() {
      send('SIGKILL');
      await ended;
    },
    async stop() {
      send('SIGTERM');
      return await ended;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      send('SIGTERM');
      const timer = setTimeout(() => send('SIGKILL'), 30_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

type GraphqlError = { message: string; extensions: { code: string } };
