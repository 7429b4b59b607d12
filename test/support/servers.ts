// Starts the servers that all tests share, and a template database with the migrations applied.

import { randomUUID } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    templateDatabase: string;
    valkeyUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgresUrl = 'postgres://postgres@127.0.0.1:5999/postgres';
  const templateDatabase = `template_${randomUUID().replaceAll('-', '')}`;
  const admin = openOrm({ url: postgresUrl, connections: 1, name: 'test-setup' });
  await admin.em.getConnection().execute(`create database ${templateDatabase}`);
  const template = new URL(postgresUrl);
  template.pathname = `/${templateDatabase}`;
  await migrate(template.href);
  project.provide('postgresUrl', postgresUrl);
  project.provide('templateDatabase', templateDatabase);
  project.provide('valkeyUrl', 'redis://127.0.0.1:5998');
  return async () => {
    await admin.em.getConnection().execute(`drop database ${templateDatabase} with (force)`);
    await admin.close(true);
  };
}
