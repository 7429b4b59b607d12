// The canary itself: it is silent where there is no secret, and finds one wherever it lies.

import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { openDatabase } from '../support/database.ts';
import { openValkeyServer } from '../support/valkey-server.ts';
import { adminToken, openWorkplace, secrets } from '../support/workplace.ts';
import { createCanary } from './canary.ts';

const key = Buffer.from(secrets.first_secret.slice('whsec_'.length), 'base64');

test('it finds secrets in tables, keys, values, command lines and output, in whatever form', async () => {
  await using opened = new AsyncDisposableStack();
  const place = opened.use(await openWorkplace());
  const { url } = opened.use(await openDatabase());
  const valkey = opened.use(await openValkeyServer());
  const orm = openOrm({ url, connections: 1, name: 'test-canary' });
  opened.defer(() => orm.close(true));
  const canary = await createCanary(place, ['redis://:a-password@127.0.0.1:1']);
  const pids = [process.pid];

  await valkey.admin.xadd('log', '1-0', 'event', 'harmless');
  canary.look('the log', 'harmless');
  await canary.lookAround({ orm, valkeyUrl: valkey.url, pids });
  expect(canary.found()).toEqual([]);

  await orm.em.fork().execute(`create table leak as select decode('${key.toString('hex')}', 'hex') as bytes`);
  await valkey.admin.xadd('log', '2-0', 'event', `{"token":"${Buffer.from(adminToken).toString('base64')}"}`);
  canary.look('the log', 'redis://:a-password@127.0.0.1:1');
  const careless = spawn('tail', ['-f', '/dev/null', '--', secrets.first_secret], { cwd: place.path, stdio: 'ignore' });
  opened.defer(() => void careless.kill());
  await canary.lookAround({ orm, valkeyUrl: valkey.url, pids: [careless.pid!] });
  const places = ['the log', 'a command line', 'Valkey', 'leak'];
  const seen = process.platform === 'linux' ? places : places.filter((where) => where !== 'a command line');
  expect(canary.found().sort()).toEqual(seen.map((where) => `there is a secret in ${where}`).sort());
});
