// A state as a word with a shape and a colour, so that none of the three is needed to know it.

const shapes = {
  disc: <circle cx="8" cy="8" r="6" />,
  ring: <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2" />,
  triangle: <path d="M8 2 15 14H1Z" />,
  bars: <path d="M3 2h4v12H3zM9 2h4v12H9z" />,
  tick: <path d="m2 8.5 4 4 8-9" fill="none" stroke="currentColor" stroke-width="2.5" />,
  cross: <path d="m3 3 10 10M13 3 3 13" fill="none" stroke="currentColor" stroke-width="2.5" />,
  dash: <path d="M2 8h12" fill="none" stroke="currentColor" stroke-width="2.5" />,
} as const;

type Look = { word: string; shape: keyof typeof shapes; tone: 'good' | 'warn' | 'bad' | 'calm' };

const looks = {
  ACTIVE: { word: 'Active', shape: 'disc', tone: 'good' },
  PAUSED: { word: 'Paused', shape: 'bars', tone: 'bad' },
  DISABLED: { word: 'Disabled', shape: 'ring', tone: 'calm' },
  RETRYING: { word: 'Retrying', shape: 'triangle', tone: 'warn' },
  DELIVERED: { word: 'Delivered', shape: 'tick', tone: 'good' },
  FAILED: { word: 'Failed', shape: 'cross', tone: 'bad' },
  PENDING: { word: 'Pending', shape: 'ring', tone: 'calm' },
  HELD: { word: 'Held', shape: 'bars', tone: 'bad' },
  NOT_SUBSCRIBED: { word: 'Not for it', shape: 'dash', tone: 'calm' },
} as const satisfies Record<string, Look>;

export type State = keyof typeof looks;

/** `detail` follows the word, such as why it is paused. */
export function Mark({ state, detail }: { state: State; detail?: string | null }) {
  const { word, shape, tone } = looks[state];
  return (
    <span class={`mark ${tone}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true" fill="currentColor">
        {shapes[shape]}
      </svg>
      {word}
      {detail ? <small>{detail}</small> : null}
    </span>
  );
}
