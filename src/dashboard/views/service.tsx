// The service as a whole: its instances, its log, its configuration, and the reload of that.

import {
  type ConfigurationVersion,
  type Instance,
  type Service,
  configurationsDocument,
  serviceDocument,
} from '../documents/service.ts';
import { count, utcSecond } from '../formats.ts';
import { mayChange } from '../identity.ts';
import { Ago } from '../parts/ago.tsx';
import { Facts } from '../parts/facts.tsx';
import { Part, Problems, Section, Title } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { useAnswer } from '../use-answer.ts';
import { ConfigErrors } from './config-errors.tsx';
import { EndpointLinks } from './endpoint-links.tsx';
import { ReloadControl } from './reload.tsx';

export function ServiceView() {
  const asked = useAnswer(serviceDocument, {}, { everyMs: 3_000 });
  return (
    <>
      <Title>Service</Title>
      <Part title="How it stands" asked={asked}>
        {({ service }) => (service === null ? null : <Whole service={service} />)}
      </Part>
      <Configuration service={asked.data?.service ?? null} />
      <Versions />
    </>
  );
}

function Whole({ service }: { service: Service }) {
  const { position, unnumbered, valkey, version, instances } = service;
  return (
    <>
      <Facts
        of={[
          ['Version', version],
          ['Log’s last position', <code>{position}</code>],
          ['Events without a position yet', lagOf(unnumbered)],
          ['Valkey', valkey ? 'answers' : 'is away: events flow through Postgres alone, more slowly'],
          ['Relay', instances.find(({ relay }) => relay)?.name ?? 'no instance at the moment'],
        ]}
      />
      <Table
        label="Instances"
        columns={instanceColumns}
        rows={instances}
        keyOf={({ id }) => id}
        empty="None is known."
      />
    </>
  );
}

function lagOf(unnumbered: number): string {
  return unnumbered === 0 ? 'none: the relay has numbered all of them' : count(unnumbered);
}

const instanceColumns: readonly Column<Instance>[] = [
  {
    name: 'name',
    head: 'Instance',
    cell: ({ name, id }) => (
      <>
        {name}
        {name === id ? null : <small>{id}</small>}
      </>
    ),
  },
  { name: 'shards', head: 'Shards', isNumber: true, cell: ({ shards }) => shards },
  { name: 'relay', head: 'Relay', cell: ({ relay }) => (relay ? 'yes' : '–') },
  { name: 'seen', head: 'Seen', cell: ({ seenAt }) => <Ago at={seenAt} /> },
  { name: 'aside', head: 'Stands aside', isExtra: true, cell: ({ standsAside }) => standsAside ?? 'no' },
  { name: 'version', head: 'Version', isExtra: true, cell: ({ version }) => version },
];

function Configuration({ service }: { service: Service | null }) {
  return (
    <Section title="Configuration" controls={mayChange.value ? <ReloadControl /> : null}>
      {service === null ? null : (
        <>
          <p>
            Version {service.configurationVersion} is in force since {utcSecond(service.configuredAt)} UTC.
          </p>
          {service.configurationErrors.length === 0 ? null : (
            <>
              <p class="lead">The newest reload was refused, so that version stays:</p>
              <ConfigErrors of={service.configurationErrors} />
            </>
          )}
        </>
      )}
    </Section>
  );
}

const versionColumns: readonly Column<ConfigurationVersion>[] = [
  { name: 'version', head: 'Version', cell: ({ version }) => version },
  { name: 'at', head: 'Since (UTC)', cell: ({ at }) => <time dateTime={at}>{utcSecond(at)}</time> },
  { name: 'added', head: 'Added', cell: ({ added }) => <EndpointLinks of={added} /> },
  { name: 'changed', head: 'Changed', cell: ({ changed }) => <EndpointLinks of={changed} /> },
  { name: 'removed', head: 'Removed', cell: ({ removed }) => <EndpointLinks of={removed} /> },
];

function Versions() {
  const { data, problems } = useAnswer(configurationsDocument, { first: 20 }, { everyMs: 15_000 });
  return (
    <Section title="Versions of the configuration">
      <Problems of={problems} />
      {data?.service == null ? null : (
        <Table
          label="Versions of the configuration"
          columns={versionColumns}
          rows={data.service.configurations}
          keyOf={({ version }) => String(version)}
          empty="There is none yet."
        />
      )}
    </Section>
  );
}
