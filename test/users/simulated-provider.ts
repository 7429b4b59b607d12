// The outside of a sign-in: a provider that knows everybody, and holds each answer against what it was asked.

import { Refusal } from '../../src/policy/refusal.ts';
import type { BegunSignIn, Identity, NamedProvider } from '../../src/users/providers/provider.ts';

export type Person = { subject: string; email?: string | null; name?: string | null; picture?: string | null };

export type SimulatedProvider = NamedProvider & {
  /** The answer with which it sends this person back to the redirect URI. */
  answerFor(state: string, person: Person): URLSearchParams;
  /** How often it was asked who somebody is. */
  asked: number;
  /** Runs before it says who came. */
  beforeItSays: () => void | Promise<void>;
};

export function simulatedProvider(id: string, shownName = id): SimulatedProvider {
  const begun = new Map<string, BegunSignIn>();
  const people = new Map<string, Identity>();

  const provider: SimulatedProvider = {
    id,
    name: shownName,
    asked: 0,
    beforeItSays: () => {},

    async authorizationUrl(sign) {
      begun.set(sign.state, sign);
      return new URL(`https://${id}.example/authorize?${new URLSearchParams({ state: sign.state })}`);
    },

    answerFor(state, { subject, email = `${subject}@example.com`, name = subject, picture = null }) {
      const code = crypto.randomUUID();
      people.set(code, { provider: id, subject, email, displayName: name, avatarUrl: picture });
      return new URLSearchParams({ code, state });
    },

    async identify(answer, finished) {
      provider.asked += 1;
      await provider.beforeItSays();
      if (answer.has('error')) throw new Refusal('BAD_USER_INPUT', 'The provider says no.');
      const asked = begun.get(finished.state);
      // Nonce, verifier and redirect URI must be those that it was asked with.
      if (JSON.stringify(asked) !== JSON.stringify(finished)) throw new Error('Finished otherwise than begun.');
      const code = answer.get('code') ?? '';
      const person = people.get(code);
      people.delete(code);
      if (!person) throw new Refusal('BAD_USER_INPUT', 'The provider does not know this code.');
      return person;
    },
  };
  return provider;
}
