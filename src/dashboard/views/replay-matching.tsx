// Replays all failed deliveries that match: says how many first, shows how many still wait, and can forget those.

import { useState } from 'preact/hooks';
import { act } from '../act.ts';
import { ask } from '../api.ts';
import { type DeliveryFilter, replayMatchingDocument } from '../documents/deliveries.ts';
import { pendingReplaysDocument } from '../documents/endpoints.ts';
import { count, counted } from '../formats.ts';
import { say } from '../notices.ts';
import { confirmFirst } from '../parts/confirm.tsx';
import { Problems } from '../parts/part.tsx';
import { useAnswer } from '../use-answer.ts';
import { cancelReplays } from './waiting-replays.tsx';

export function ReplayMatching({ filter }: { filter: DeliveryFilter }) {
  const [begun, setBegun] = useState<{ total: number } | null>(null);
  const [isCounting, setCounting] = useState(false);
  const isOther = filter.status !== undefined && filter.status !== 'FAILED';

  async function replay(): Promise<void> {
    setCounting(true);
    const { data, problems } = await ask(replayMatchingDocument, { filter, dryRun: true });
    setCounting(false);
    const number = data?.replayWebhookDeliveries ?? null;
    if (number === null) {
      say('failed', problems[0]?.message ?? 'They cannot be counted.');
      return;
    }
    if (number === 0) {
      say('done', 'No failed delivery matches, so there is nothing to replay.');
      return;
    }
    const isSure = await confirmFirst({
      title: `Replay ${counted(number, 'delivery', 'deliveries')}?`,
      says: (
        <p>
          {counted(number, 'failed delivery', 'failed deliveries')} that match the filters are sent again, beside what
          is sent in order. A receiver gets them out of their order.
        </p>
      ),
      verb: 'Replay',
    });
    if (!isSure) return;
    const done = await act(
      replayMatchingDocument,
      { filter, dryRun: false },
      ({ replayWebhookDeliveries: begins }) => `${counted(begins, 'replay')} begin.`,
    );
    if (done !== null) setBegun({ total: done.replayWebhookDeliveries });
  }

  return (
    <div class="controls">
      <button type="button" disabled={isCounting || isOther} onClick={() => void replay()}>
        Replay
      </button>
      <span class="quiet">
        {isOther
          ? 'Only failed deliveries can be replayed: choose the status Failed, or any.'
          : 'all failed deliveries that match; you see how many first.'}
      </span>
      {begun === null ? null : <Progress total={begun.total} endpointId={filter.endpointId ?? null} />}
    </div>
  );
}

/** Until none waits any more. Of all endpoints, or of the one that was asked for. */
function Progress({ total, endpointId }: { total: number; endpointId: string | null }) {
  const { data, problems } = useAnswer(pendingReplaysDocument, {}, { everyMs: 1_000 });
  const waiting = (data?.webhookEndpoints ?? []).filter(
    ({ id, pendingReplays }) => pendingReplays > 0 && (endpointId === null || id === endpointId),
  );
  const left = waiting.reduce((sum, { pendingReplays }) => sum + pendingReplays, 0);
  const done = Math.max(0, total - left);
  if (data === null) return <Problems of={problems} />;
  return (
    <div class="progress">
      <label>
        Replays sent
        <progress max={total} value={done} />
      </label>
      <span role="status">{left === 0 ? `All ${count(total)} were sent.` : `${count(left)} still wait.`}</span>
      {waiting.slice(0, 20).map(({ id, pendingReplays }) => (
        <button key={id} type="button" onClick={() => void cancelReplays(id, pendingReplays)}>
          Cancel {count(pendingReplays)} for {id}
        </button>
      ))}
    </div>
  );
}
