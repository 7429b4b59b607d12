// The first tables: users and their sign-in, the event log, the delivery log, and what several instances need.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Constructor } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';

const parts = ['users', 'log', 'deliveries', 'cursors', 'instances'];

/** What is made is in the schema that the search path names. Where SQL must name it, it says `@schema@`. */
export function firstTables(quotedSchema: string): Constructor<Migration> {
  return class FirstTables extends Migration {
    override up(): void {
      for (const part of parts) {
        const sql = readFileSync(join(import.meta.dirname, '0001-first-tables', `${part}.sql`), 'utf8');
        this.addSql(sql.replaceAll('@schema@', quotedSchema));
      }
    }
  };
}
