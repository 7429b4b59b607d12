// What an admin can do with an endpoint: pause, resume, test, rewind.

import { useState } from 'preact/hooks';
import { act } from '../act.ts';
import { go } from '../address.ts';
import type { Endpoint } from '../documents/endpoint.ts';
import { pauseDocument, resumeDocument, sendTestDocument } from '../documents/endpoints.ts';
import { mayChange } from '../identity.ts';
import { linkTo } from '../routing.ts';
import { Rewind } from './rewind.tsx';

export function EndpointControls({ endpoint: { id, state } }: { endpoint: Endpoint }) {
  const [isRewinding, setRewinding] = useState(false);
  if (!mayChange.value) return <p class="quiet">You may look, and change nothing here.</p>;
  const isOff = state === 'DISABLED';
  const isPaused = state === 'PAUSED';
  const sendTest = async () => {
    const sent = await act(sendTestDocument, { id }, `A test is on its way to ${id}.`);
    if (sent !== null) go(linkTo('events', sent.sendTestWebhook.id));
  };
  return (
    <div class="controls">
      {isPaused ? (
        <button type="button" onClick={() => void act(resumeDocument, { id }, `${id} goes on where it stopped.`)}>
          Resume
        </button>
      ) : (
        <button
          type="button"
          disabled={isOff}
          onClick={() => void act(pauseDocument, { id }, `${id} is paused. Its events keep their place.`)}
        >
          Pause
        </button>
      )}
      <button type="button" disabled={isOff || isPaused} onClick={() => void sendTest()}>
        Send test
      </button>
      <button type="button" disabled={isOff} onClick={() => setRewinding(true)}>
        Rewind
      </button>
      {isOff ? <span class="quiet">A disabled endpoint can only be enabled, in config/webhooks.yaml.</span> : null}
      {isPaused ? <span class="quiet">A paused endpoint takes no test.</span> : null}
      {isRewinding ? <Rewind endpointId={id} onClose={() => setRewinding(false)} /> : null}
    </div>
  );
}
