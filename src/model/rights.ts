// Which rights on its tables the service lacks.

import { openOrm } from './orm.ts';

const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

export type LackingRight = { user: string; table: string; right: string };

/** Of the tables that are there, those rights that this user has not; the service needs each some day. */
export async function lackingRights(url: string): Promise<LackingRight[]> {
  const orm = openOrm({ url, connections: 1, name: 'tidings-start' });
  try {
    const tables = [...orm.getMetadata().getAll().values()].map(({ tableName }): string => tableName);
    return await orm.em.fork().execute<LackingRight[]>(
      `select current_user::text as "user", t.name as "table", r.name as "right"
       from unnest(${listed(tables)}) as t (name), unnest(${listed(rights)}) with ordinality as r (name, place)
       where to_regclass(t.name) is not null and not has_table_privilege(to_regclass(t.name), r.name)
       order by t.name, r.place`,
    );
  } finally {
    await orm.close(true);
  }
}

function listed(names: readonly string[]): string {
  return `array[${names.map((name) => `'${name}'`).join()}]`;
}
