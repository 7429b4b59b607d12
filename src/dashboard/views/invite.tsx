// A one-time link by which a user signs in to the account that was made for them.

import { useState } from 'preact/hooks';
import { act } from '../act.ts';
import { inviteDocument } from '../documents/users.ts';
import { Copy } from '../parts/copy.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { providers } from '../providers.ts';

export function Invite({ userId }: { userId: string }) {
  const [isOpen, setOpen] = useState(false);
  const [url, setUrl] = useState<string | null>(null);
  if (providers.length === 0)
    return <span class="quiet">Nobody can be invited: config/oauth.yaml names no provider.</span>;
  const invite = async (provider: string) => {
    const made = await act(inviteDocument, { provider, userId }, 'The link is made. It lasts three days.');
    if (made !== null) setUrl(made.startOAuth.url);
  };
  const close = () => {
    setOpen(false);
    setUrl(null);
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Invite
      </button>
      {isOpen ? (
        <Dialog title="Invite" onClose={close}>
          <p>Whoever opens the link and signs in owns this account. Give it to the person alone.</p>
          {url === null ? null : (
            <p class="link">
              <code>{url}</code>
            </p>
          )}
          <div class="controls">
            {url === null
              ? providers.map(({ id, name }) => (
                  <button key={id} type="button" onClick={() => void invite(id)}>
                    Link for {name}
                  </button>
                ))
              : null}
            {url === null ? null : <Copy text={url} name="Copy link" said="The link is copied." />}
            <button type="button" onClick={close}>
              Close
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}
