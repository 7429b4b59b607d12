// A service under load between a Postgres and a Valkey that a test breaks, or the way to which it breaks.

import { onTestFailed } from 'vitest';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { type TcpProxy, openTcpProxy } from '../support/tcp-proxy.ts';

/** Enough for a machine on which much else runs. */
export type FaultWorld = AsyncDisposable & {
  stage: Stage;
  /** Between the service and its servers. */
  postgres: TcpProxy;
  valkey: TcpProxy;
  endpoints: readonly string[];
  /** How many lines of the log say this. */
  said(sentence: string): number;
  ready(): Promise<{ code: number; status: string; valkey: string | undefined }>;
  /** Waits until `count` more requests than now have come. */
  requests(count: number): Promise<void>;
  /**
   * Publishes events, breaks something once the first of them arrive, and publishes more until that is over. Resolves
   * with their number.
   */
  underLoad(fault: () => Promise<unknown>, size?: { batches: number; size: number }): Promise<number>;
  /**
   * Waits until all that was ever published is delivered and recorded, and says what was wrong with all of it. The
   * service never crashed, so nothing may come twice, but for as many losses of Postgres as are named.
   */
  judge(losses?: number): Promise<string[]>;
};

/** A service with some endpoints that take every event; each server is reached by a proxy. */
export async function openFaultWorld({
  valkeyUrl,
  database: given,
  count = 5,
  environment = {},
}: {
  valkeyUrl: string;
  database?: { readonly url: string };
  /** Of endpoints. */
  count?: number;
  environment?: Record<string, string>;
}): Promise<FaultWorld> {
  await using opening = new AsyncDisposableStack();
  const database = given ?? opening.use<TestDatabase>(await openDatabase());
  const postgres = opening.use(await openTcpProxy(database.url));
  const valkey = opening.use(await openTcpProxy(valkeyUrl));
  const servers = { DATABASE_URL: postgres.url, VALKEY_URL: valkey.url };
  const stage = opening.use(await openStage({ database, environment: { ...servers, ...environment } }));
  const endpoints = Array.from({ length: count }, (_, index) => `endpoint-${index + 1}`);
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { base_delay: '50ms' })));
  await stage.start();
  const acknowledged: string[] = [];

  async function requests(more: number): Promise<void> {
    const before = stage.receiver.journal.length;
    await eventually(() => stage.receiver.journal.length >= before + more, {
      saying: `${more} more requests`,
    });
  }

  const parts = opening.move();
  return {
    stage,
    postgres,
    valkey,
    endpoints,
    said: (sentence) => stage.service().lines.filter(({ msg }) => msg.includes(sentence)).length,
    async ready() {
      const response = await fetch(`${stage.service().url}/readyz`);
      const { status, checks } = (await response.json()) as {
        status: string;
        checks: { valkey?: { detail?: string } };
      };
      return { code: response.status, status, valkey: checks.valkey?.detail };
    },
    requests,
    async underLoad(fault, size = { batches: 20, size: 20 }) {
      const load = startLoad(stage.service, { ...size, until: requests(2 * size.size).then(fault) });
      await load.done;
      acknowledged.push(...load.acknowledged);
      return load.acknowledged.length;
    },
    judge: (losses = 0) => stage.judge({ endpoints, acknowledged, crashes: losses }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Call it first in a test: what the service said last, and what was heard, is printed if the test fails. */
export function reportOn(world: FaultWorld): void {
  reportOnFailure(world.stage);
  onTestFailed(() => console.log({ postgres: world.postgres.open(), valkey: world.valkey.open() }));
}
