import { type TlsOptions, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import type { Certificate } from '../support/certificate.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { readCorpus } from '../support/corpus.ts';
import { openReceiver, openScriptedReceiver } from '../support/receiver/receiver.ts';
import type { Step } from '../support/receiver/script.ts';

type Row = {
  /** By default `https` and `receiver.test`. */
  scheme?: string;
  host?: string;
  /** `delivered`, or how the failure begins. */
  outcome: string;
};
type CertificateRow = Row & {
  name: string;
  certificate: {
    issuer: keyof typeof issuers | 'itself';
    names: string;
    fromDays?: number;
    untilDays?: number;
    usage?: 'serverAuth' | 'clientAuth';
    /** Whether the server shows its issuer too. */
    sends?: boolean;
  };
  server?: TlsOptions;
};
type HandshakeRow = Row & { name: string; script: Step[]; deaf?: boolean };

const corpus = readCorpus('tls') as (CertificateRow | HandshakeRow)[];
const certificates = corpus.filter((row) => 'certificate' in row);
const handshakes = corpus.filter((row) => 'script' in row);

const root = issueCertificate({ subject: 'root', authority: true });
const issuers = {
  root,
  stranger: issueCertificate({ subject: 'stranger', authority: true }),
  intermediate: issueCertificate({ subject: 'intermediate', authority: true, issuer: root }),
  'expired intermediate': issueCertificate({
    subject: 'expired',
    authority: true,
    issuer: root,
    fromDays: -9,
    untilDays: -1,
  }),
  leaf: issueCertificate({ subject: 'leaf', issuer: root, names: 'DNS:leaf.test' }),
};

// As NODE_EXTRA_CA_CERTS does for the whole process, before its first connection.
beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), root.cert]));
afterEach(() => void vi.unstubAllEnvs());

const resolve = async () => [{ address: '127.0.0.1', family: 4 }];

function shown({ issuer: name, sends = false, ...wanted }: CertificateRow['certificate']): Certificate {
  const issuer = name === 'itself' ? undefined : issuers[name];
  const { key, cert } = issueCertificate({ subject: 'receiver', ...wanted, ...(issuer && { issuer }) });
  return { key, cert: sends ? `${cert}${issuer?.cert}` : cert };
}

/** Twice on the same connections: what one attempt learned must not let the next one through. */
async function expectTwice({ scheme = 'https', host = 'receiver.test', outcome }: Row, port: number): Promise<void> {
  await using connections = openConnections({ resolve });
  for (let count = 0; count < 2; count += 1) {
    const answer = await deliver(connections, attemptAt(`${scheme}://${host}:${port}/`, { timeoutMs: 300 }));
    if (outcome === 'delivered') expect(answer).toMatchObject({ verdict: 'delivered', errorMessage: null });
    else {
      expect(answer).toMatchObject({ verdict: 'failed', httpStatus: null, completedAt: null });
      expect(answer.errorMessage).toMatch(new RegExp(`^${outcome}`));
    }
  }
}

test.each(certificates)('an endpoint whose certificate $name: $outcome', async ({ certificate, server, ...row }) => {
  await using endpoint = await openReceiver({ tls: { ...shown(certificate), ...server } });
  await expectTwice(row, endpoint.port);
  expect(endpoint.received).toHaveLength(row.outcome === 'delivered' ? 2 : 0);
});

test.each(handshakes)(
  'an endpoint whose handshake $name: $outcome',
  async ({ script: steps, deaf = false, ...row }) => {
    await using endpoint = await openScriptedReceiver({ script: { when: 'accept', everywhere: true, steps, deaf } });
    await expectTwice(row, endpoint.port);
    await endpoint.allClosed();
    expect(endpoint.received).toEqual([]);
    expect(endpoint.connections()).toBe(2);
  },
);

test('no variable of the environment turns the check off', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const certificate = shown({ issuer: 'itself', names: 'DNS:receiver.test' });
  await using endpoint = await openReceiver({ tls: certificate });
  await expectTwice({ outcome: 'tls: self-signed certificate' }, endpoint.port);
  expect(endpoint.received).toEqual([]);
});

test('no proxy of the environment sees a webhook', async () => {
  await using proxy = await openReceiver();
  await using endpoint = await openReceiver();
  for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) {
    vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`);
  }
  vi.stubEnv('NODE_USE_ENV_PROXY', '1');
  await expectTwice({ scheme: 'http', outcome: 'delivered' }, endpoint.port);
  expect(proxy.connections()).toBe(0);
});
