// An endpoint's configuration as it is in force, defaults filled in, secrets by their names alone.

import { configurationDocument } from '../documents/endpoint.ts';
import { Facts } from '../parts/facts.tsx';
import { Part } from '../parts/part.tsx';
import { useAnswer } from '../use-answer.ts';

export function EndpointConfiguration({ endpointId }: { endpointId: string }) {
  const asked = useAnswer(configurationDocument, { id: endpointId }, { everyMs: 30_000 });
  return (
    <Part title="Configuration in force" asked={asked}>
      {({ webhookEndpoint }) => <Facts of={pairsOf(webhookEndpoint?.configuration)} />}
    </Part>
  );
}

function pairsOf(configuration: unknown) {
  if (typeof configuration !== 'object' || configuration === null) return [];
  return Object.entries(configuration)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>] as const);
}
