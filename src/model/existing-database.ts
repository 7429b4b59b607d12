// Keeps MikroORM from making the database that a URL names: one that is missing is an operator's mistake.

import type { MikroORM } from '@mikro-orm/core';
import { type EntityManager, SqlSchemaGenerator } from '@mikro-orm/postgresql';

/**
 * The migrator would look for the database by its name, make it where it finds none, and close every connection for
 * that. Behind a pooler the name may be an alias, and the database exists.
 */
class ExistingDatabase extends SqlSchemaGenerator {
  override ensureDatabase(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

/** For `extensions`. */
export const existingDatabase = {
  register(orm: MikroORM): void {
    orm.config.registerExtension('@mikro-orm/schema-generator', () => new ExistingDatabase(orm.em as EntityManager));
  },
};
