// Asks for a token, or leads to a provider where an admin signs in.

import { useState } from 'preact/hooks';
import { signInWith } from './identity.ts';
import { Title } from './parts/part.tsx';
import { providers } from './providers.ts';

export function SignIn({ why }: { why: string | null }) {
  const [text, setText] = useState('');
  const [isAsking, setAsking] = useState(false);
  const signIn = async () => {
    setAsking(true);
    await signInWith(text);
    setAsking(false);
  };
  // Back to the view that was opened.
  const back = encodeURIComponent(`${location.pathname}${location.search}`);
  return (
    <div class="sign-in">
      <Title>Sign in</Title>
      {why === null ? null : (
        <p class="problem" role="alert">
          {why}
        </p>
      )}
      <form onSubmit={(event) => (event.preventDefault(), void signIn())}>
        <label>
          Token
          <input
            type="password"
            required
            value={text}
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <p class="quiet">The admin token, or the read token to look only. It is kept until this tab is closed.</p>
        <div class="controls">
          <button type="submit" disabled={isAsking}>
            Sign in
          </button>
        </div>
      </form>
      {providers.length === 0 ? null : (
        <ul>
          {providers.map(({ id, name }) => (
            <li key={id}>
              <a rel="external" href={`oauth/${encodeURIComponent(id)}?redirect_to=${back}`}>
                Sign in with {name}
              </a>
              , as an admin
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
