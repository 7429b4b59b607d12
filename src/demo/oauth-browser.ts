// As much of a browser as a sign-in needs: cookies, redirects taken one by one, and the login form of a provider.

import { formAction, hiddenFields } from './login-page.ts';

export type Browser = {
  /** One request with the cookies of its host; redirects are not followed. */
  request(url: string | URL, init?: RequestInit): Promise<Response>;
  /**
   * Follows redirects, fills `login` into each form, and resolves with the first address that begins with `stopAt`, without
   * requesting it. Throws at a page without form or redirect.
   */
  signIn(url: string | URL, { login, stopAt }: { login: string; stopAt: string }): Promise<URL>;
  /** The cookies that would be sent to this address, by name. */
  cookies(url: string | URL): ReadonlyMap<string, string>;
};

type Cookie = { host: string; path: string; name: string; value: string };

const mostHops = 20;

export function openBrowser(): Browser {
  let jar: readonly Cookie[] = [];

  return { request, signIn, cookies };

  async function request(to: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(to);
    const headers = new Headers(init.headers);
    const pairs = [...cookies(url)].map(([name, value]) => `${name}=${value}`);
    if (pairs.length > 0) headers.set('cookie', pairs.join('; '));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) keep(url, line);
    return response;
  }

  async function signIn(from: string | URL, { login, stopAt }: { login: string; stopAt: string }): Promise<URL> {
    let url = new URL(from);
    let init: RequestInit = {};
    for (let hop = 0; hop < mostHops; hop++) {
      if (url.href.startsWith(stopAt)) return url;
      const response = await request(url, init);
      const page = await response.text();
      const location = response.headers.get('location');
      const action = formAction(page);
      const next = location ?? action;
      if (next === null) throw new Error(`${url.origin}${url.pathname} answered ${response.status}: ${page}`);
      init = location === null ? { method: 'POST', body: new URLSearchParams({ ...hiddenFields(page), login }) } : {};
      url = new URL(next, url);
    }
    throw new Error(`No ${stopAt} within ${mostHops} steps; last at ${url.origin}${url.pathname}`);
  }

  /** A browser does not tell ports apart (RFC 6265 section 8.5). */
  function cookies(to: string | URL): ReadonlyMap<string, string> {
    const { hostname, pathname } = new URL(to);
    const sent = jar.filter(({ host, path }) => host === hostname && covers(path, pathname));
    return new Map(sent.map(({ name, value }) => [name, value]));
  }

  function keep(url: URL, line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const attribute = (name: string) =>
      attributes.find((text) => text.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
    const name = pair.slice(0, pair.indexOf('='));
    const cookie = { host: url.hostname, path: attribute('path') ?? '/', name, value: pair.slice(name.length + 1) };
    const others = jar.filter((old) => !(old.host === cookie.host && old.path === cookie.path && old.name === name));
    const expires = attribute('expires');
    const gone = attribute('max-age') === '0' || (expires !== undefined && Date.parse(expires) <= Date.now());
    jar = gone ? others : [...others, cookie];
  }
}

/** RFC 6265 section 5.1.4. */
function covers(path: string, requested: string): boolean {
  return requested === path || requested.startsWith(path.endsWith('/') ? path : `${path}/`);
}
