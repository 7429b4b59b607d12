// Starts the receiver of a chaos run, and asks it how far it has come.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { speaksTls } from './behaviours.ts';

const program = fileURLToPath(new URL('receiver.ts', import.meta.url));

export type ReceiverProcess = AsyncDisposable & {
  urlOf(endpoint: string): string;
  /** Requests so far, and different events that each endpoint has accepted. */
  standing(): Promise<{ requests: number; accepted: Record<string, number> }>;
  /** Resolves when a request of the sender is whole; it is never answered. */
  hold(sender: string, signal: AbortSignal): Promise<void>;
  /** What it shows from now on, on connections that all are new. */
  showCertificate(which: 'right' | 'wrong'): Promise<void>;
  /** Ends it; the journal's file is complete then. */
  stop(): Promise<void>;
};

/** Its right certificate, which is its own authority, is in the file from then on. */
export async function startReceiver(
  journalFile: string,
  certificateFile: string,
  secret: string,
): Promise<ReceiverProcess> {
  const child = fork(program, [journalFile, certificateFile, secret], { stdio: 'inherit', execArgv: [] });
  const ended = once(child, 'exit');
  const [{ port, tlsPort }] = (await once(child, 'message')) as [{ port: number; tlsPort: number }];
  const base = `http://127.0.0.1:${port}`;

  async function stop(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }

  return {
    urlOf: (endpoint) => `${speaksTls(endpoint) ? `https://127.0.0.1:${tlsPort}` : base}/${endpoint}/hook`,
    async standing() {
      const response = await fetch(`${base}/-/standing`);
      return (await response.json()) as { requests: number; accepted: Record<string, number> };
    },
    async hold(sender, signal) {
      await (await fetch(`${base}/-/hold/${sender}`, { signal })).text();
    },
    async showCertificate(which) {
      await (await fetch(`${base}/-/certificate/${which}`)).text();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
