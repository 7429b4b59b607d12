// Takes the values of secrets out of what an endpoint answers: some receivers answer with what they were sent.

import { redacted } from '../policy/credential-header.ts';

/** A shorter value is found in any text. */
const shortest = 8;

/** Also at the text's end the beginning of a value, since an answer is cut there. */
export function withoutValues(text: string, values: readonly string[] = []): string {
  let shown = text;
  for (const value of values) {
    if (value.length >= shortest) shown = withoutBeginning(shown.replaceAll(value, redacted), value);
  }
  return shown;
}

function withoutBeginning(text: string, value: string): string {
  for (let length = Math.min(value.length - 1, text.length); length >= shortest; length -= 1) {
    if (text.endsWith(value.slice(0, length))) return `${text.slice(0, -length)}${redacted}`;
  }
  return text;
}
