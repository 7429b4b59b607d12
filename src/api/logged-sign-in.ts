// Leaves a line in the log for each sign-in that was finished, and for each that the provider or the database held up.

import { Refusal } from '../policy/refusal.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SignIn } from '../users/sign-in.ts';

export function loggedSignIn(signIn: SignIn, log: Logger): SignIn {
  /** What is UNAVAILABLE is no fault of the person, and only the operator can mend it. */
  async function watched<T>(provider: string, step: Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'UNAVAILABLE') {
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
      log.info({ by: done.session.user.id, provider, entrance }, 'a sign-in was finished');
      return done;
    },
  };
}
