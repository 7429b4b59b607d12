// The shim of sign-in behind a door, asked as a browser asks, with a provider that knows everybody.

import { type SimulatedProvider, simulatedProvider } from '../users/simulated-provider.ts';
import { formAction, hiddenFields } from '../../src/demo/login-page.ts';
import { type Door, noLimits, openDoor } from './door.ts';

export const publicUrl = 'https://tidings.example.com';
/** Of the cookie that binds a sign-in to its browser, behind https. */
export const browserCookie = '__Host-tidings_browser';
/** Of the session's cookie, behind https without a path. */
export const sessionCookie = '__Host-tidings_session';
/** An origin that is allowed. */
export const friend = 'https://app.example.com';

export const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
export const json = { accept: 'application/json' };

export type Shim = AsyncDisposable & {
  door: Door;
  google: SimulatedProvider;
  github: SimulatedProvider;
  /** What the limit of sign-in starts says from now on. */
  wait(seconds: number | null): void;
  /** As a browser goes to a page, unless other headers say otherwise. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Sends the form of a page that asks, as a browser does from there, unless other headers or another token say otherwise. */
  press(page: string, headers?: Record<string, string>, token?: string): Promise<Response>;
  /** A sign-in that was begun in a browser, or a link on its page: its cookie, and the address to which the provider sends it back. */
  begin(wanted?: Beginning): Promise<{ cookie: string; back: string; state: string }>;
};

type Beginning = { path?: string; subject?: string; headers?: Record<string, string> };

export async function openShim(): Promise<Shim> {
  const google = simulatedProvider('google', 'Google');
  const github = simulatedProvider('github', 'GitHub & Co.');
  let wait: number | null = null;
  const door = await openDoor({
    publicUrl,
    allowedOrigins: [friend],
    providers: [google, github],
    limits: { ...noLimits, signInStart: () => Promise.resolve(wait) },
  });
  const get: Shim['get'] = async (path, headers = html) => await door.fetch(path, { headers });
  const press: Shim['press'] = async (page, headers = {}, token = formToken(page)) =>
    await door.fetch(formAction(page)!, {
      method: 'POST',
      headers: { ...html, origin: publicUrl, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ token }).toString(),
    });
  return {
    door,
    press,
    google,
    github,
    get,
    wait: (seconds) => void (wait = seconds),
    async begin({ path = '/oauth/google', subject = 'ada', headers = {} } = {}) {
      const first = await get(path, { ...html, ...headers });
      const response = first.status === 200 ? await press(await first.text(), headers) : first;
      if (!response.headers.has('location')) throw new Error(`${path} answered ${response.status}`);
      const state = new URL(response.headers.get('location')!).searchParams.get('state')!;
      const cookie = `${browserCookie}=${cookiesOf(response)[browserCookie]!.value}`;
      return { cookie, state, back: `/oauth/google/callback?${google.answerFor(state, { subject })}` };
    },
    [Symbol.asyncDispose]: () => door[Symbol.asyncDispose](),
  };
}

/** The Set-Cookie lines of an answer, taken apart, by the cookie's name. */
export function cookiesOf(response: Response): Record<string, { value: string; flags: string[] }> {
  const lines = response.headers.getSetCookie().map((line) => {
    const [pair = '', ...flags] = line.split('; ');
    const at = pair.indexOf('=');
    return [pair.slice(0, at), { value: pair.slice(at + 1), flags: flags.toSorted() }] as const;
  });
  return Object.fromEntries(lines);
}

/** The token in the form of a page that asks. */
export function formToken(page: string): string {
  return hiddenFields(page)['token']!;
}

/** Where a page of a refusal leads; null when it offers no new beginning. */
export function startAgain(page: string): string | null {
  return /<a href="([^"]*)">Start again<\/a>/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? null;
}
