// Where the page is: its address, the links that change it without loading anew, and its filters in the query.

import { computed, signal } from '@preact/signals';
import { viewAt } from './routing.ts';

/** The path of the first page, with a trailing slash: the service may be reached below a path. */
export const home = new URL(document.baseURI).pathname;

const current = signal(new URL(location.href));

const path = computed(() => (current.value.pathname.startsWith(home) ? current.value.pathname.slice(home.length) : ''));

export const view = computed(() => viewAt(path.value));

/** What the address says of `name`; empty when it says nothing. */
export function asked(name: string): string {
  return current.value.searchParams.get(name) ?? '';
}

/** The address of this view with some of its query changed; empty values are left out. */
export function withQuery(changes: Record<string, string>): string {
  const query = new URLSearchParams(current.value.searchParams);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const search = query.toString();
  return `${path.value}${search === '' ? '' : `?${search}`}`;
}

/** Goes to an address of this page; `replace` where going back should not come here. */
export function go(to: string, { replace = false } = {}): void {
  const target = new URL(to, document.baseURI);
  if (target.href === current.value.href) return;
  if (replace) history.replaceState(null, '', target);
  else history.pushState(null, '', target);
  arrive(target);
}

/** Follows links and the browser's buttons. Called once. */
export function followLinks(): void {
  addEventListener('popstate', () => arrive(new URL(location.href)));
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (link === null || !isPlain || event.defaultPrevented || link.rel === 'external' || link.target !== '') return;
    if (link.origin !== location.origin || !link.pathname.startsWith(home)) return;
    event.preventDefault();
    go(link.href);
  });
}

/** Another view begins at its heading, for eyes and screen readers; another filter leaves everything where it is. */
function arrive(target: URL): void {
  const isOther = target.pathname !== current.value.pathname;
  current.value = target;
  if (!isOther) return;
  requestAnimationFrame(() => {
    scrollTo(0, 0);
    document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  });
}
