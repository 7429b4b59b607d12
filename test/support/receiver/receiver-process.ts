// Starts a receiver as a process of its own, asks it how far it has come, and tells it what to do.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Certificate } from '../certificate.ts';

export type ReceiverSettings = {
  /** One line a request; complete when the process has ended. */
  journalFile: string;
  /** Values by their names. */
  secrets: Readonly<Record<string, string>>;
  /** It shows the right one at first. What comes while it shows the wrong one stands in the journal under `distrusted`. */
  certificates: Record<Shown, Certificate>;
};

export type Shown = 'right' | 'wrong';

/** Stands in the journal for an endpoint. */
export const distrusted = 'a wrong certificate';

export type Progress = {
  /** Requests so far. */
  requests: number;
  /** Different events that each endpoint has accepted. */
  accepted: Record<string, number>;
};

export type Question = { ask: 'progress' } | { ask: 'hold' | 'let go'; sender: string } | { ask: 'show'; which: Shown };

export type ReceiverProcess = AsyncDisposable & {
  urlOf(endpoint: string, scheme?: 'http' | 'https'): string;
  progress(): Promise<Progress>;
  /** Resolves when the next request of the sender is whole, which is never answered; rejects when the signal comes first. */
  hold(sender: string, signal: AbortSignal): Promise<void>;
  /** What it shows from now on, on connections that all are new. */
  showCertificate(which: Shown): Promise<void>;
  /** Ends it; the journal's file is complete then. */
  stop(): Promise<void>;
};

/** `program` is a file that calls `runReceiver`. */
export async function startReceiver(program: string, settings: ReceiverSettings): Promise<ReceiverProcess> {
  const child = fork(program, { stdio: 'inherit', execArgv: [] });
  const ended = once(child, 'exit');
  child.send(settings);
  const [ports] = (await once(child, 'message')) as [{ http: number; https: number }];
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  child.on('message', ({ number, answer }: { number: number; answer: unknown }) => {
    waiting.get(number)?.resolve(answer);
    waiting.delete(number);
  });
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the receiver has ended'));
  });

  async function ask<Answer>(question: Question): Promise<Answer> {
    const number = (asked += 1);
    const answer = Promise.withResolvers<unknown>();
    waiting.set(number, answer);
    child.send({ number, question }, (error) => error && answer.reject(error));
    return (await answer.promise) as Answer;
  }

  async function stop(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }

  return {
    urlOf: (endpoint, scheme = 'http') => `${scheme}://127.0.0.1:${ports[scheme]}/${endpoint}/hook`,
    progress: () => ask<Progress>({ ask: 'progress' }),
    async hold(sender, signal) {
      signal.throwIfAborted();
      const letGo = () => void ask({ ask: 'let go', sender });
      signal.addEventListener('abort', letGo);
      await ask({ ask: 'hold', sender }).finally(() => signal.removeEventListener('abort', letGo));
      signal.throwIfAborted();
    },
    showCertificate: (which) => ask({ ask: 'show', which }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
