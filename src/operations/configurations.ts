// The configuration in force, as this instance serves it: with the secrets that it finds itself, or not at all.

import { isDeepStrictEqual } from 'node:util';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { type Transactions, withoutSql } from '../outbox/transactions.ts';
import { Refusal } from '../policy/refusal.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type Endpoint, type EndpointSettings, noSecrets } from '../settings/endpoint.ts';
import type { ResolvedEndpoints } from '../settings/stored-endpoints.ts';
import type { Webhooks } from '../settings/webhooks.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { type DroppedBacklog, events } from './configuration-changes.ts';
import { tryAgain } from '../try-again.ts';
import type { Announce } from './control-versions.ts';
import { type ReloadProblem, forgetRefusal, recordRefusal } from './refused-reloads.ts';
import {
  type Acceptance,
  type StoredVersion,
  acceptConfiguration,
  lockVersion,
  readVersionInForce,
} from './stored-configurations.ts';

export type ConfigurationInForce = {
  /** 0: no file was ever accepted. */
  version: number;
  /** In the order of the file. While this instance lacks a secret, no endpoint has the values of secrets. */
  endpoints: readonly Endpoint[];
  /** Why this instance serves none of them, in a sentence without any secret; else null. */
  standsAside: string | null;
};

export type ReadFile = Extract<Webhooks, { ok: true }>;

export type Configurations = AsyncDisposable & {
  current(): ConfigurationInForce;
  /** Calls the listener at every change of `current`, in the same step. */
  onChange(listener: (inForce: ConfigurationInForce) => void): void;
  /** Puts the file that the start read in force, unless it equals an older version. Refusal UNAVAILABLE. */
  start(initial: ReadFile): Promise<void>;
  /**
   * Loads the version in force unless this instance already has `version`. Tries until Postgres answers. The version in
   * force can be older than this instance's only when the database lost its last changes.
   */
  reach(version: number): Promise<void>;
  /** Loads whatever is in force. In a restored database it may be another one with the same number. */
  check(): Promise<void>;
  /** `check` in one try. Refusal UNAVAILABLE. */
  refresh(): Promise<void>;
  /** `refresh`, and resolves the secrets again. */
  readAgain(): Promise<void>;
  /**
   * Puts the file in force on every instance; a missing file makes this instance stand aside. Without `allowDrop` a file
   * that removes or disables an endpoint with a backlog is not applied. Refusal UNAVAILABLE.
   */
  put(file: ReadFile, options: { allowDrop: boolean }): Promise<{ applied: boolean; dropped: DroppedBacklog[] }>;
  /** Makes known to everybody why a reload was refused, until one is accepted. Never rejects. */
  refused(errors: readonly ReloadProblem[]): Promise<void>;
  /**
   * Runs `work` in a transaction that ends before another version comes into force. Throws as Transactions.run does;
   * `work` runs again when its version was no longer in force.
   */
  whileInForce<T>(work: (em: EntityManager, endpoints: readonly Endpoint[]) => Promise<T>): Promise<T>;
};

export type ConfigurationParts = {
  orm: MikroORM;
  transactions: Transactions;
  /** Reads the configuration file of this instance. */
  read(): Promise<Webhooks>;
  resolve(endpoints: readonly EndpointSettings[]): Promise<ResolvedEndpoints>;
  /** Gives committed events their positions, so that they lie before the cursors of new endpoints. */
  catchUp(): Promise<unknown>;
  announce: Announce;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
};

/** A change of an endpoint is tried again for this many reloads in a row. */
const mostVersions = 10;
const noFile = 'there is no config/webhooks.yaml';

/** Nothing is in force before `start` or `reach`. */
export function createConfigurations(parts: ConfigurationParts): Configurations {
  const { orm, transactions, read: readFile, resolve, catchUp, announce, log } = parts;
  const closing = new AbortController();
  let stored: StoredVersion = { version: 0, digest: '' };
  let current: ConfigurationInForce = { version: 0, endpoints: [], standsAside: null };
  let tellChange: (inForce: ConfigurationInForce) => void = () => {};
  let fileMissing = false;
  let last: Promise<unknown> = Promise.resolve();

  /** One at a time: what was read first must not take effect last. */
  function inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = last.then(() => step());
    last = result.catch(() => {});
    return result;
  }

  function set(
    version: StoredVersion,
    { endpoints, problem }: { endpoints: readonly Endpoint[]; problem: string | null },
  ) {
    const standsAside = fileMissing ? noFile : problem;
    const before = current;
    stored = { version: version.version, digest: version.digest };
    current = { version: version.version, endpoints, standsAside };
    if (isDeepStrictEqual(before, current)) return;
    if (before.version !== current.version) log.info({ version: current.version }, 'a configuration is in force');
    if (before.standsAside !== standsAside && standsAside !== null) {
      const line = { version: current.version, reason: standsAside };
      log[fileMissing ? 'warn' : 'error'](line, 'this instance stands aside: it serves no endpoint');
    } else if (before.standsAside !== null && standsAside === null) {
      log.info('this instance serves endpoints again');
    }
    tellChange(current);
  }

  /** Without `again` nothing is done when the version in force is the one this instance has. */
  async function load({ again = false } = {}): Promise<void> {
    const found = await readVersionInForce(orm, stored).catch((error: unknown) => {
      throw withoutSql(error);
    });
    if (found.stored === null && !again) return;
    // When the file is back, this instance serves again. Whatever the file holds, it serves what is in force.
    if (fileMissing) fileMissing = isMissing(await readFile());
    const read = found.stored ?? { endpoints: current.endpoints };
    if ('problem' in read) {
      const problem = `version ${found.version} of the configuration was changed in the database: ${read.problem}; reload a valid file`;
      // Without its digest, so that it is read again next time.
      set({ version: found.version, digest: '' }, { endpoints: [], problem });
      return;
    }
    const settings = read.endpoints;
    const resolved = await resolve(settings);
    set(
      found,
      'problem' in resolved
        ? { endpoints: settings.map((endpoint) => ({ ...endpoint, ...noSecrets })), problem: resolved.problem }
        : { endpoints: resolved.endpoints, problem: null },
    );
  }

  /** Tries until it succeeded once, or is no longer due. */
  async function loadWhile(isDue: () => boolean): Promise<void> {
    const { signal } = closing;
    const loadIfDue = async () => {
      if (isDue() && !signal.aborted) await inTurn(load);
    };
    await tryAgain(
      loadIfDue,
      (error) => {
        log.warn({ reason: reasonOf(error) }, 'the configuration in force could not be read; trying again');
        return retryDelaysMs.configuration;
      },
      signal,
    );
  }

  /** Null: the file is missing. */
  async function put(
    { endpoints, missing }: ReadFile,
    how: { insists: boolean; mayDrop: boolean },
  ): Promise<Acceptance | null> {
    await catchUp();
    if (missing) {
      fileMissing = true;
      await load({ again: true });
      if (how.insists) await transactions.run(forgetRefusal);
      return null;
    }
    const accepted = await untilStill(() => transactions.run((em) => acceptConfiguration(em, endpoints, how)));
    if (accepted.outcome === 'refused') return accepted;
    fileMissing = false;
    if (accepted.outcome === 'stale') {
      log.warn(
        { version: accepted.version },
        'config/webhooks.yaml equals an older version of the configuration and is ignored; reloadWebhooks puts it in force',
      );
      await load({ again: true });
      return accepted;
    }
    set(accepted, { endpoints, problem: null });
    if (accepted.outcome === 'new') announce(accepted.repositioned);
    return accepted;
  }

  async function start(initial: ReadFile): Promise<void> {
    const accepted = await put(initial, { insists: false, mayDrop: true });
    if (accepted?.outcome !== 'new') return;
    const { version, changes, dropped } = accepted;
    log.info({ version, ...changes, dropped }, 'the start put a new configuration in force');
    for (const { endpointId, backlog } of dropped) {
      const message = `the endpoint "${endpointId}" is removed or disabled, which drops ${events(backlog)} that waited for it`;
      log.warn({ endpoint_id: endpointId, backlog }, message);
    }
  }

  return {
    current: () => current,
    onChange(listener) {
      tellChange = listener;
    },
    start: (initial) => inTurn(() => start(initial)),
    reach: (version) => loadWhile(() => current.version !== version),
    check: () => loadWhile(() => true),
    refresh: () => inTurn(load),
    readAgain: () => inTurn(() => load({ again: true })),
    async put(file, { allowDrop }) {
      for (const { file: path, line, path: key, message } of file.warnings)
        log.warn({ file: path, line, path: key }, message);
      const accepted = await inTurn(() => put(file, { insists: true, mayDrop: allowDrop }));
      const dropped = accepted !== null && 'dropped' in accepted ? accepted.dropped : [];
      return { applied: accepted?.outcome !== 'refused', dropped };
    },
    async refused(errors) {
      await transactions
        .run((em) => recordRefusal(em, errors))
        .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'what is wrong with a reload is not stored'));
    },
    async whileInForce(work) {
      const { result } = await untilStill(async () => {
        const { version, endpoints } = current;
        const done = await transactions.run(async (em) =>
          (await lockVersion(em, version)) ? { result: await work(em, endpoints) } : null,
        );
        if (done === null) await inTurn(load);
        return done;
      });
      return result;
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await last;
    },
  };
}

/** Tries again while `step` gives null: another version came into force meanwhile. */
async function untilStill<T>(step: () => Promise<T | null>): Promise<T> {
  for (let met = 0; met < mostVersions; met += 1) {
    const done = await step();
    if (done !== null) return done;
  }
  throw new Refusal('UNAVAILABLE', 'The configuration changes again and again. Try again when it is still.');
}

function isMissing(found: Webhooks): boolean {
  return found.ok && found.missing;
}
