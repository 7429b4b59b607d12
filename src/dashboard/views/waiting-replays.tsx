// The replays that still wait for an endpoint, as long as there are some, with the way to forget them.

import { act } from '../act.ts';
import { cancelReplaysDocument, pendingReplaysOfDocument } from '../documents/endpoints.ts';
import { count, counted } from '../formats.ts';
import { mayChange } from '../identity.ts';
import { confirmFirst } from '../parts/confirm.tsx';
import { Problems } from '../parts/part.tsx';
import { useAnswer } from '../use-answer.ts';

export function WaitingReplays({ endpointId }: { endpointId: string }) {
  const { data, problems } = useAnswer(pendingReplaysOfDocument, { id: endpointId }, { everyMs: 3_000 });
  const waiting = data?.webhookEndpoint?.pendingReplays ?? 0;
  if (waiting === 0) return <Problems of={problems} />;
  return (
    <div class="controls" role="group" aria-label="Replays">
      <span>{counted(waiting, 'replay')} still wait.</span>
      {mayChange.value ? (
        <button type="button" onClick={() => void cancelReplays(endpointId, waiting)}>
          Cancel them
        </button>
      ) : null}
    </div>
  );
}

export async function cancelReplays(endpointId: string, waiting: number): Promise<void> {
  const isSure = await confirmFirst({
    title: 'Cancel these replays?',
    says: (
      <p>
        {counted(waiting, 'replay')} for {endpointId} that still wait are forgotten. What was sent already stays sent,
        and the failed deliveries can be replayed again.
      </p>
    ),
    verb: 'Cancel replays',
  });
  if (!isSure) return;
  await act(
    cancelReplaysDocument,
    { endpointId },
    ({ cancelWebhookReplays: number }) => `${count(number)} replays are forgotten.`,
  );
}
