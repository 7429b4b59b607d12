// A button that copies a text, or shows it where the browser copies nothing.

import { useState } from 'preact/hooks';
import { say } from '../notices.ts';
import { Dialog } from './dialog.tsx';

export function Copy({ text, name, said }: { text: string; name: string; said: string }) {
  const [isShown, setShown] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      say('done', said);
    } catch {
      // Over plain http, but on this machine, a browser has no clipboard for a page.
      setShown(true);
    }
  }
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        {name}
      </button>
      {isShown ? (
        <Dialog title={name} onClose={() => setShown(false)}>
          <label>
            Copy it from here
            <textarea readOnly rows={10} value={text} onFocus={({ currentTarget }) => currentTarget.select()} />
          </label>
          <div class="controls">
            <button type="button" onClick={() => setShown(false)}>
              Close
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}
