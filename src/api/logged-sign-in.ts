// Leaves a line in the log for each sign-in that was finished, and for each that the provider or the database held up; and counts
// how each one ends.

import { Refusal } from '../policy/refusal.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SignIn } from '../users/sign-in.ts';

/** `failed`: by an error of ours. */
export type SignInOutcome = 'finished' | 'refused' | 'unavailable' | 'failed';

export function loggedSignIn(
  signIn: SignIn,
  { log, count }: { log: Logger; count(outcome: SignInOutcome): void },
): SignIn {
  /** What is UNAVAILABLE is no fault of the person, and only the operator can mend it. */
  async function watched<T>(provider: string, step: Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (error) {
      const code = error instanceof Refusal ? error.code : null;
      count(code === null ? 'failed' : code === 'UNAVAILABLE' ? 'unavailable' : 'refused');
      if (error instanceof Refusal && code === 'UNAVAILABLE') {
        log.warn({ provider, reason: error.message }, 'a sign-in could not go on');
      }
      throw error;
    }
  }

  return {
    ...signIn,
    start: (request) => watched(request.provider, signIn.start(request)),
    accept: (request) => watched(request.provider, signIn.accept(request)),
    async complete(completion) {
      const { provider, entrance } = completion;
      const done = await watched(provider, signIn.complete(completion));
      count('finished');
      log.info({ by: done.session.user.id, provider, entrance }, 'a sign-in was finished');
      return done;
    },
  };
}
