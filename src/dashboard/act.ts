// Changes something through the API, says how it went, and lets all that is shown be asked for again.

import { ask } from './api.ts';
import type { Doc } from './doc.ts';
import { say } from './notices.ts';
import { changes } from './use-answer.ts';

/** The answer; null where it failed, which has been said by then. `done` is said otherwise. */
export async function act<Data, Variables extends object>(
  document: Doc<Data, Variables>,
  variables: Variables,
  done: string | ((data: Data) => string),
): Promise<Data | null> {
  const { data, problems } = await ask(document, variables);
  const [problem] = problems;
  if (problem !== undefined || data === null) {
    say('failed', problem?.message ?? 'The service gave no answer.');
    // What is shown may be why it failed.
    changes.value += 1;
    return null;
  }
  say('done', typeof done === 'string' ? done : done(data));
  changes.value += 1;
  return data;
}
