// One endpoint: how it stands and why, its plots, its blocked lines, and what can be done with it.

import type { Endpoint } from '../documents/endpoint.ts';
import { endpointDocument } from '../documents/endpoint.ts';
import { countTo10000 } from '../formats.ts';
import { Ago, now } from '../parts/ago.tsx';
import { Facts } from '../parts/facts.tsx';
import { Mark } from '../parts/mark.tsx';
import { Awaited, Problems, Section, Title } from '../parts/part.tsx';
import { linkTo } from '../routing.ts';
import { sentencesOf } from '../standing.ts';
import { useAnswer } from '../use-answer.ts';
import { BlockedLines } from './blocked-lines.tsx';
import { EndpointConfiguration } from './endpoint-configuration.tsx';
import { EndpointControls } from './endpoint-controls.tsx';
import { EndpointPlots } from './endpoint-plots.tsx';
import { LatestDeliveries } from './latest-deliveries.tsx';
import { WaitingReplays } from './waiting-replays.tsx';

export function EndpointView({ id }: { id: string }) {
  const asked = useAnswer(endpointDocument, { id }, { everyMs: 3_000 });
  const endpoint = asked.data?.webhookEndpoint;
  return (
    <>
      <Title>{id}</Title>
      <Problems of={asked.problems} />
      {asked.data === null ? <Awaited when={asked.isAwaited} /> : null}
      {endpoint === null && asked.problems.length === 0 ? (
        <p class="empty">No endpoint with this id is configured.</p>
      ) : null}
      {endpoint ? <Whole endpoint={endpoint} /> : null}
    </>
  );
}

function Whole({ endpoint }: { endpoint: Endpoint }) {
  const { id } = endpoint;
  return (
    <>
      <Standing endpoint={endpoint} />
      <EndpointControls endpoint={endpoint} />
      <WaitingReplays endpointId={id} />
      <BlockedLines endpointId={id} ordering={endpoint.ordering} state={endpoint.state} />
      <EndpointPlots endpointId={id} />
      <LatestDeliveries filter={{ endpointId: id }} all={linkTo('deliveries', null, { endpoint: id })} />
      <EndpointConfiguration endpointId={id} />
    </>
  );
}

function Standing({ endpoint }: { endpoint: Endpoint }) {
  const { state, url, description, backlog, owner, position, lastDeliveredAt, lastError, lastErrorAt } = endpoint;
  const reason = endpoint.pauseReason?.toLowerCase() ?? null;
  return (
    <Section title="How it stands" controls={<Mark state={state} detail={reason} />}>
      {sentencesOf(endpoint, now.value).map((sentence, index) => (
        <p key={sentence} class={index === 0 ? 'lead' : ''}>
          {sentence}
        </p>
      ))}
      <Facts
        of={[
          ['URL', <code>{url}</code>],
          ['Description', description],
          ['Waiting', countTo10000(backlog)],
          ['Settled up to position', <code>{position}</code>],
          ['Last delivered', <Ago at={lastDeliveredAt} />],
          [
            'Last error',
            lastError === null ? null : (
              <>
                {lastError}, <Ago at={lastErrorAt} />
              </>
            ),
          ],
          ['Gives an event up after', endpoint.givesUpAfter ?? 'never: it holds the event'],
          ['Served by', owner ?? 'nobody'],
        ]}
      />
    </Section>
  );
}
