// The keys that do something by themselves, the list of them, and the switch that turns letters off.

import { signal } from '@preact/signals';
import { go } from '../address.ts';
import { Dialog } from './dialog.tsx';

const keys = [
  ['j', 'next row'],
  ['k', 'row before'],
  ['Enter', 'open the row'],
  ['/', 'to the first filter'],
  ['1 to 8', 'to a view, in the order of the links at the top'],
  ['?', 'this list'],
  ['Escape', 'close a dialog'],
] as const;

const name = 'tidings-letter-keys';
const isOn = signal(localStorage.getItem(name) !== 'off');
const isListed = signal(false);

const views = ['endpoints', 'live', 'deliveries', 'events', 'users', 'publish', 'service', 'event-types'];

/** Called once. */
export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (!isOn.value || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
    if (take(event.key)) event.preventDefault();
  });
}

function take(key: string): boolean {
  if (key === '?') return (isListed.value = true);
  if (key === '/') return focus(document.querySelector<HTMLElement>('main [data-filter]'));
  if (key === 'j') return step(1);
  if (key === 'k') return step(-1);
  const view = views[Number(key) - 1];
  if (view === undefined || document.querySelector('nav.views') === null) return false;
  go(view);
  return true;
}

function step(by: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const at = rows.findIndex((row) => row.closest('tr')?.contains(document.activeElement));
  return focus(rows[at < 0 ? (by === 1 ? 0 : rows.length - 1) : at + by] ?? null);
}

function focus(element: HTMLElement | null): boolean {
  element?.focus();
  return element !== null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));
}

/** The button, and the list while it is open. Stands once in the page. */
export function Keys() {
  return (
    <>
      <button type="button" class="plain" onClick={() => (isListed.value = true)}>
        Keys
      </button>
      {isListed.value ? <KeyList /> : null}
    </>
  );
}

function KeyList() {
  const close = () => (isListed.value = false);
  return (
    <Dialog title="Keys" onClose={close}>
      <dl class="keys">
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={isOn.value}
          onChange={({ currentTarget }) => {
            isOn.value = currentTarget.checked;
            localStorage.setItem(name, isOn.value ? 'on' : 'off');
          }}
        />
        Letters, digits and signs do this
      </label>
      <div class="controls">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
