// Brings a database to the tables this version expects, one instance at a time.

import { Migrator } from '@mikro-orm/migrations';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { firstTables } from '../../migrations/0001-first-tables.ts';
import { type DatabaseAddress, defaultSchema, quotedSchema } from './database-address.ts';
import { existingDatabase } from './existing-database.ts';
import { openOrm } from './orm.ts';
import { cannotHonour } from './postgres-tls.ts';
import { tables } from './rights.ts';
import { whyUnfit } from './unfit-database.ts';

const migrations = [{ name: '0001-first-tables', forSchema: firstTables }];

const tableName = 'tidings_migrations';

/** Of the schema, by a number that nobody else locks: "tidi" in ASCII. */
const advisoryLock = 0x74696469;

/**
 * Runs what is pending, under an advisory lock; returns the names of what it ran, in order. Throws an error with a sentence
 * and the code NOT_HONOURED for a database that cannot be used.
 */
export async function migrate(database: DatabaseAddress): Promise<string[]> {
  const problem = await whyUnfit(database);
  if (problem !== null) throw cannotHonour(problem);
  const { schema = defaultSchema } = database;
  const listed = migrations.map(({ name, forSchema }) => ({ name, class: forSchema(quotedSchema(schema)) }));
  const orm = openOrm(
    // A migration may take longer than any query, and its lock waits meanwhile.
    { ...database, connections: 2, name: 'tidings-migrate', statementMs: null },
    {
      extensions: [Migrator, existingDatabase],
      // The migrator looks for its table in this schema, and makes the schema where it is missing.
      migrations: { migrationsList: listed, tableName: `${schema}.${tableName}`, snapshot: false },
    },
  );
  try {
    // The lock lives in this transaction's connection; the migrations run on another.
    return await orm.em.fork().transactional(async (em) => {
      await em.execute(`select pg_advisory_xact_lock(${advisoryLock}, hashtext('${schema}'))`);
      const stranger = await tableInTheWay(em, schema);
      if (stranger !== null) {
        throw cannotHonour(
          `the schema ${schema} holds a table ${stranger} that is not of Tidings: let DATABASE_SCHEMA name another schema`,
        );
      }
      return (await orm.migrator.up()).map(({ name }) => name);
    });
  } finally {
    await orm.close(true);
  }
}

/** A table of one of our names in a schema that was never migrated. */
async function tableInTheWay(em: EntityManager, schema: string): Promise<string | null> {
  const home = `'${quotedSchema(schema)}.'`;
  const [found] = await em.execute<{ name: string }[]>(
    `select name from unnest(array[${tables.map((name) => `'${name}'`).join()}]) as name
      where to_regclass(${home} || name) is not null and to_regclass(${home} || '${tableName}') is null limit 1`,
  );
  return found?.name ?? null;
}

/** Names of the migrations that this database still lacks; nothing is changed. */
export async function pendingMigrations(database: DatabaseAddress): Promise<string[]> {
  const orm = openOrm({ ...database, connections: 1, name: 'tidings-start' });
  try {
    return await missingMigrations(orm, database.schema);
  } finally {
    await orm.close(true);
  }
}

/** The same on a connection that is there: of a database in use, in whose place a backup may have been put. */
export async function missingMigrations(orm: MikroORM, schema?: string): Promise<string[]> {
  // By its full name: without the right to look into the schema, the table would otherwise seem to be missing.
  const question = `select name from ${quotedSchema(schema)}.${tableName}`;
  const applied = await orm.em
    .fork()
    .execute<{ name: string }[]>(question)
    .catch((error: unknown) => {
      // No such table: it has none at all.
      if ((error as { code?: string }).code === '42P01') return [];
      throw error;
    });
  const names = new Set(applied.map(({ name }) => name));
  return migrations.map(({ name }) => name).filter((name) => !names.has(name));
}

/** The owner of what publishes by SQL, when it is a superuser: it runs with its owner's rights. */
export async function superuserWhoOwns(database: DatabaseAddress): Promise<string | null> {
  const orm = openOrm({ ...database, connections: 1, name: 'tidings-migrate' });
  try {
    const [found] = await orm.em.fork().execute<{ name: string }[]>(
      `select rolname as name from pg_proc join pg_roles r on r.oid = proowner
        where pronamespace = '${quotedSchema(database.schema)}'::regnamespace and proname = 'publish' and rolsuper`,
    );
    return found?.name ?? null;
  } finally {
    await orm.close(true);
  }
}
