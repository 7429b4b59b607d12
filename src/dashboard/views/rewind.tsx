// Asks where to rewind an endpoint to, says how many events that sends again, and does it.

import { useState } from 'preact/hooks';
import { act } from '../act.ts';
import { type PositionInput, rewindCountDocument, rewindDocument } from '../documents/endpoints.ts';
import { countTo10000, readTime } from '../formats.ts';
import { now } from '../parts/ago.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Problems } from '../parts/part.tsx';
import { useAnswer } from '../use-answer.ts';

export function Rewind({ endpointId: id, onClose }: { endpointId: string; onClose(): void }) {
  const [by, setBy] = useState<'position' | 'time'>('position');
  const [text, setText] = useState('');
  const to = positionIn(by, text);
  const counted = useAnswer(rewindCountDocument, to === null ? null : { id, to });
  const isKnown = to !== null && !counted.isAwaited && counted.problems.length === 0 && counted.data !== null;
  const number = counted.data?.rewindCount ?? 0;
  const rewind = async () => {
    if (to === null) return;
    const done = await act(
      rewindDocument,
      { id, to },
      `${id} is rewound: it gets ${countTo10000(number)} events again.`,
    );
    if (done !== null) onClose();
  };
  return (
    <Dialog title={`Rewind ${id}`} onClose={onClose}>
      <p>Everything from there on is sent again, in order, also what was delivered. Receivers see repeats.</p>
      <fieldset>
        <legend>To a</legend>
        {(['position', 'time'] as const).map((one) => (
          <label key={one} class="check">
            <input type="radio" name="by" checked={by === one} onChange={() => setBy(one)} />
            {one}
          </label>
        ))}
      </fieldset>
      <label>
        {by === 'position'
          ? 'Position: the first event that is sent again comes after it'
          : 'Time: ISO 8601 in UTC, or ago, as in 2h'}
        <input
          type="text"
          value={text}
          autocomplete="off"
          placeholder={by === 'position' ? '1234' : '2026-11-23T10:00Z or 2h'}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <p role="status">
        {to === null ? (text === '' ? '' : `That is no ${by}.`) : null}
        {to !== null && counted.isAwaited ? 'Counting …' : null}
        {isKnown ? `${countTo10000(number)} ${number === 1 ? 'event' : 'events'} would be sent again.` : null}
      </p>
      {to === null ? null : <Problems of={counted.problems} />}
      <div class="controls">
        <button type="button" class="danger" disabled={!isKnown} onClick={() => void rewind()}>
          Rewind
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}

/** Of a time ago the one that it was when it was written, so that the count is of what is done. */
function positionIn(by: 'position' | 'time', text: string): PositionInput | null {
  if (by === 'position') return /^\d{1,19}$/.test(text.trim()) ? { position: text.trim() } : null;
  const at = readTime(text, Math.floor(now.peek() / 60_000) * 60_000);
  return at === null ? null : { at };
}
