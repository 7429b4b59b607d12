// Whether a text that a filter looks for can be stored anywhere: any other is not worth a question to the database.

import { isStorable } from '../../outbox/payload.ts';

/** Above every text that a filter compares: a subject has at most 512 characters, an id or a type 128. */
const longest = 512;

export function canMatch(text: string): boolean {
  return text.length <= longest && isStorable(text);
}
