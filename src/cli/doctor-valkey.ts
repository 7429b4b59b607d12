// Looks at Valkey: whether it can be reached, what it keeps, and what it forgets.

import { findValkey } from '../embedded/valkey.ts';
import { adviceFor, openValkey, problemOf } from '../log/valkey.ts';
import type { Settings } from '../settings/environment.ts';
import { type Finding, doubtful, right, wrong } from './finding.ts';

const part = 'Valkey';
const answerWithinMs = 3_000;

export async function lookAtValkey({ valkeyUrl }: Pick<Settings, 'valkeyUrl'>): Promise<Finding[]> {
  if (valkeyUrl === null) {
    if ((await findValkey()) !== null)
      return [right(part, 'one of its own, in .tidings/valkey; VALKEY_URL names another')];
    return [
      doubtful(
        part,
        'neither valkey-server nor redis-server is on PATH, so events go through Postgres alone, more slowly: install one (Debian: apt install valkey-server, or redis-server; macOS: brew install valkey), or set VALKEY_URL',
      ),
    ];
  }
  let problem = 'does not answer';
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(problem)), answerWithinMs);
  const client = openValkey({ url: valkeyUrl, commandTimeoutMs: answerWithinMs, onProblem: (now) => (problem = now) });
  try {
    await Promise.race([client.status === 'ready' || new Promise((ready) => client.once('ready', ready)), failed]);
    const server = await client.info('server');
    const version = /^(?:valkey|redis)_version:(\S+)/m.exec(server)?.[1] ?? '';
    if (Number.parseInt(version, 10) < 7) return [wrong(part, `it is of version ${version}: use 7 or newer`)];
    const persistence = await client.info('persistence');
    const advice = await adviceFor(client);
    return [
      right(part, `version ${version}`),
      /^aof_enabled:1/m.test(persistence)
        ? right(part, 'its append-only file is on')
        : doubtful(
            part,
            'its append-only file is off: after its restart events are read from Postgres, more slowly, until new ones come; set appendonly to yes',
          ),
      ...(advice === null ? [] : [doubtful(part, advice)]),
    ];
  } catch (error) {
    const reason = problemOf(error) ?? (error as Error).message;
    return [doubtful(part, `VALKEY_URL: ${reason}: until it is there, events go through Postgres alone, more slowly`)];
  } finally {
    clearTimeout(timer);
    client.disconnect();
  }
}
