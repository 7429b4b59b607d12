// Reads the configuration again: shows first what would change, then does it.

import { useState } from 'preact/hooks';
import { act } from '../act.ts';
import { ask } from '../api.ts';
import { configurationDocument } from '../documents/endpoint.ts';
import { type Reload, reloadDocument, wouldBeDocument } from '../documents/service.ts';
import { type Difference, differences } from '../difference.ts';
import { counted, countTo10000 } from '../formats.ts';
import { say } from '../notices.ts';
import { Dialog } from '../parts/dialog.tsx';
import { linkTo } from '../routing.ts';
import { ConfigErrors } from './config-errors.tsx';
import { EndpointLinks } from './endpoint-links.tsx';

/** Of more changed endpoints only these are compared. */
const mostCompared = 20;

type Preview = { reload: Reload; changes: readonly { id: string; differences: Difference[] }[] };

export function ReloadControl() {
  const [preview, setPreview] = useState<Preview | null>(null);
  const [isAsking, setAsking] = useState(false);
  const look = async () => {
    setAsking(true);
    setPreview(await previewed());
    setAsking(false);
  };
  return (
    <>
      <button type="button" disabled={isAsking} onClick={() => void look()}>
        Reload
      </button>
      {preview === null ? null : <Shown preview={preview} onClose={() => setPreview(null)} />}
    </>
  );
}

async function previewed(): Promise<Preview | null> {
  const { data, problems } = await ask(reloadDocument, { dryRun: true, allowDrop: true });
  const reload = data?.reloadWebhooks ?? null;
  if (reload === null) {
    say('failed', problems[0]?.message ?? 'The service gave no answer.');
    return null;
  }
  return { reload, changes: await compared(reload.changed.slice(0, mostCompared)) };
}

/** Of what the service says of both; empty where it does not say it. */
async function compared(ids: readonly string[]): Promise<Preview['changes']> {
  if (ids.length === 0) return [];
  const { data } = await ask(wouldBeDocument, {});
  const after = new Map(data?.reloadWebhooks?.endpoints.map(({ id, configuration }) => [id, configuration]));
  return await Promise.all(
    ids.map(async (id) => {
      const before = await ask(configurationDocument, { id });
      return { id, differences: differences(before.data?.webhookEndpoint?.configuration, after.get(id)) };
    }),
  );
}

function Shown({ preview: { reload, changes }, onClose }: { preview: Preview; onClose(): void }) {
  const { added, changed, removed, dropped, errors } = reload;
  const [mayDrop, setMayDrop] = useState(false);
  const isNothing = added.length + changed.length + removed.length === 0;
  const isRefused =
    errors.length > 0 && !errors.every(({ path }) => dropped.some(({ endpointId }) => path.includes(endpointId)));
  const apply = async () => {
    const done = await act(reloadDocument, { dryRun: false, allowDrop: mayDrop }, ({ reloadWebhooks }) =>
      reloadWebhooks.applied ? 'The configuration is in force on every instance.' : 'The reload was refused.',
    );
    if (done?.reloadWebhooks.applied === false)
      say('failed', done.reloadWebhooks.errors[0]?.message ?? 'The reload was refused.');
    if (done !== null) onClose();
  };
  return (
    <Dialog title="Reload the configuration" onClose={onClose}>
      {errors.length > 0 ? <ConfigErrors of={errors} /> : null}
      {isRefused ? <p class="lead">Nothing can be reloaded: the configuration in force stays.</p> : null}
      {!isRefused && isNothing ? <p class="lead">No endpoint would be another. Secrets are read again.</p> : null}
      <Line sign="+" word="added" ids={added} />
      <Line sign="−" word="removed" ids={removed} />
      <Line sign="~" word="changed" ids={changed} />
      {changes.map(({ id, differences: found }) => (
        <Changed key={id} id={id} of={found} />
      ))}
      {dropped.length === 0 ? null : (
        <>
          <p class="lead">These would lose what still waits for them:</p>
          <ul>
            {dropped.map(({ endpointId, backlog }) => (
              <li key={endpointId}>
                {endpointId}: {countTo10000(backlog)} {backlog === 1 ? 'event' : 'events'}
              </li>
            ))}
          </ul>
          <label class="check">
            <input
              type="checkbox"
              checked={mayDrop}
              onChange={({ currentTarget }) => setMayDrop(currentTarget.checked)}
            />
            Drop what waits for {counted(dropped.length, 'endpoint')}
          </label>
        </>
      )}
      <div class="controls">
        <button
          type="button"
          class="danger"
          disabled={isRefused || (dropped.length > 0 && !mayDrop)}
          onClick={() => void apply()}
        >
          Reload
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}

function Line({ sign, word, ids }: { sign: string; word: string; ids: readonly string[] }) {
  if (ids.length === 0) return null;
  return (
    <p>
      <strong aria-hidden="true">{sign}</strong> {word}: <EndpointLinks of={ids} />
    </p>
  );
}

function Changed({ id, of }: { id: string; of: readonly Difference[] }) {
  return (
    <section class="difference" aria-label={`What changes for ${id}`}>
      <h3>
        <a href={linkTo('endpoints', id)}>{id}</a>
      </h3>
      {of.length === 0 ? (
        <p class="quiet">Nothing that its configuration shows, perhaps the value of a secret.</p>
      ) : null}
      {of.map(({ path, before, after }) => (
        <p key={path}>
          <code>{path}</code>
          <del>{before ?? 'absent'}</del>
          <ins>{after ?? 'absent'}</ins>
        </p>
      ))}
    </section>
  );
}
