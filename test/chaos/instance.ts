// The service as a process whose parts have failpoints: they are armed by messages, and it ends with who started it.

import { flushCompileCache } from 'node:module';
import { startService } from '../../src/service.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import { type Arming, openFailpoints } from './failpoints.ts';
import type { Stall } from './instance-program.ts';
import { threadBegins, threadEnds } from './thread-ends.ts';

const failpoints = openFailpoints();

process.on('disconnect', () => process.exit(1));
process.on('message', (message: Arming | Stall) => {
  if ('point' in message) {
    failpoints.arm(message);
    process.send!({ armed: message.point });
  } else {
    process.send!({ stalls: message.stallMs }, () => stall(message.stallMs));
  }
});

/** This thread does nothing else; the others go on. */
function stall(forMs: number): void {
  for (const endAt = performance.now() + forMs; performance.now() < endAt;);
}

function say(msg: string): void {
  process.stdout.write(`${JSON.stringify({ level: 'info', msg, at: monotonicMs() })}\n`);
}
process.on('worker', (thread) => {
  thread.on('online', () => say(threadBegins));
  thread.on('exit', () => say(threadEnds));
});

const stopped = new Promise<void>((resolve) => process.on('SIGTERM', () => resolve()));
const changes: Record<string, object> = {
  lease: { ttlMs: Number(process.argv[2]) },
  poolOptions: { threadFile: new URL('./thread.ts', import.meta.url).href },
};
const service = await startService((name, part) =>
  failpoints.arrange(name, name in changes ? { ...part, ...changes[name] } : part),
);
// Node itself writes it at an orderly end, which many of these never come to.
flushCompileCache();
await Promise.race([stopped, service.failed]);
await service.drain();
process.exit(0);
