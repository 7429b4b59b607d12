// Leaves a line in the log for each sign-in that was finished.

import type { Logger } from '../telemetry/logger.ts';
import type { SignIn } from '../users/sign-in.ts';

export function loggedSignIn(signIn: SignIn, log: Logger): SignIn {
  return {
    ...signIn,
    async complete(completion) {
      const done = await signIn.complete(completion);
      const { provider, entrance } = completion;
      log.info({ by: done.session.user.id, provider, entrance }, 'a sign-in was finished');
      return done;
    },
  };
}
