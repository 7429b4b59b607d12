// Starts the servers that all tests share, and a template database with the migrations applied.

import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/model/migrations.ts';
import { administer } from './administer.ts';
import { type PostgresTls, addTls } from './postgres-tls.ts';
import { openRunDirectory } from './run-directory.ts';
import { openTcpPostgres } from './tcp-postgres.ts';
import { openValkeyServer } from './valkey-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    postgresTls: PostgresTls;
    templateDatabase: string;
    valkeyUrl: string;
  }
}

const templateDatabase = 'template_tidings';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack();
  const { path: directory } = opened.use(await openRunDirectory());
  const postgres = opened.use(await openTcpPostgres(directory));
  const valkey = opened.use(await openValkeyServer());
  await hurry(postgres.url);
  await makeTemplate(postgres.url);
  const tls = await addTls(directory, async (...statements) => await administer(postgres.url, ...statements));
  project.provide('postgresUrl', postgres.url);
  project.provide('postgresTls', tls);
  project.provide('templateDatabase', templateDatabase);
  project.provide('valkeyUrl', valkey.url);
  const running = opened.move();
  return () => running.disposeAsync();
}

/** No test's promise is that this server survives a loss of power: those have one of their own. */
async function hurry(postgresUrl: string): Promise<void> {
  const settings = ['fsync = off', 'full_page_writes = off', 'synchronous_commit = off', `checkpoint_timeout = '1h'`];
  await administer(postgresUrl, ...settings.map((one) => `alter system set ${one}`), 'select pg_reload_conf()');
}

async function makeTemplate(postgresUrl: string): Promise<void> {
  await administer(postgresUrl, `create database ${templateDatabase}`);
  const template = new URL(postgresUrl);
  template.pathname = `/${templateDatabase}`;
  await migrate({ url: template.href });
}
