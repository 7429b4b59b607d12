// Text of somebody else's, byte for byte as it came, folded when it is long, and nothing but text.

import { useState } from 'preact/hooks';
import { sizeOf } from '../formats.ts';
import { indent, isJson } from '../json-text.ts';
import { Copy } from './copy.tsx';

const foldedAt = 2_000;

export function TextBlock({ label, text }: { label: string; text: string }) {
  const [isWhole, setWhole] = useState(false);
  const [isIndented, setIndented] = useState(false);
  const shown = isIndented ? indent(text) : text;
  const isFolded = !isWhole && shown.length > foldedAt;
  return (
    <div class="block">
      <div class="controls">
        <span class="quiet">
          {isIndented ? 'Indented, with every value as it came' : `${sizeOf(text)}, byte for byte`}
        </span>
        {isJson(text) ? (
          <button type="button" aria-pressed={isIndented} onClick={() => setIndented(!isIndented)}>
            Indent
          </button>
        ) : null}
        <Copy text={text} name="Copy" said={`${label} is copied.`} />
      </div>
      <pre aria-label={label} role="region" tabIndex={0}>
        {isFolded ? `${cut(shown)} …` : shown}
      </pre>
      {isFolded ? (
        <button type="button" onClick={() => setWhole(true)}>
          Show all of it
        </button>
      ) : null}
    </div>
  );
}

/** Not between the halves of one character. */
function cut(text: string): string {
  const last = text.charCodeAt(foldedAt - 1);
  return text.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? foldedAt - 1 : foldedAt);
}
