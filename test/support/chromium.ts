// A real browser without a window: the system's Chromium, which reaches this machine alone.

import { type BrowserContext, chromium } from 'playwright-core';
import { findProgram } from './find-program.ts';

export type Chromium = AsyncDisposable & {
  /** A new profile. */
  context: BrowserContext;
  /** Another one, which takes any certificate. */
  profile(): Promise<BrowserContext>;
  /** Every URL that a page asked for, in order. */
  requested: readonly string[];
  /** What pages wrote to the console as an error or warning, a refusal by their policy among it, and what they threw. */
  complaints: readonly string[];
};

/** As `bin/setup --test` installs it or finds it. */
const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** Shorter than a test's life, so that what was waited for is said. */
const waitsMs = 20_000;

const switches = (hosts: readonly string[]) => [
  // As root there is no other way; what is opened is ours.
  '--no-sandbox',
  '--disable-gpu',
  // A container's is too small.
  '--disable-dev-shm-usage',
  // What would leave the machine fails, and is seen among the requests.
  `--host-resolver-rules=${[
    ...hosts.map((host) => `MAP ${host} 127.0.0.1`),
    'MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
  ].join(', ')}`,
];

/** `hosts` are names of this machine. Throws an Error with a sentence when there is no browser. */
export async function openChromium(hosts: readonly string[] = []): Promise<Chromium> {
  const executablePath = findProgram(names, { make: 'test', debian: 'chromium' });
  const browser = await chromium.launch({ executablePath, args: switches(hosts) });
  const context = await browser.newContext();
  context.setDefaultTimeout(waitsMs);
  const requested: string[] = [];
  const complaints: string[] = [];
  context.on('request', (request) => requested.push(request.url()));
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} (${message.page()?.url()})`);
  });
  async function profile(): Promise<BrowserContext> {
    const another = await browser.newContext({ ignoreHTTPSErrors: true });
    another.setDefaultTimeout(waitsMs);
    return another;
  }
  return { context, profile, requested, complaints, [Symbol.asyncDispose]: () => browser.close() };
}
