// Which rights on its tables the service lacks.

import { openOrm } from './orm.ts';
import { schema } from './transaction-settings.ts';

const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** Every table, but for the list of migrations, that a start has read by then. */
const tables = [
  ...[
    'oauth_accounts',
    'oauth_invitations',
    'oauth_used_states',
    'sessions',
    'users',
    'webhook_configurations',
    'webhook_controls',
  ],
  ...[
    'webhook_cursors',
    'webhook_deliveries',
    'webhook_endpoint_outcomes',
    'webhook_endpoint_stats',
    'webhook_events',
    'webhook_idempotency_keys',
  ],
  ...['webhook_instances', 'webhook_leases', 'webhook_log_gaps', 'webhook_log_head', 'webhook_replays'],
];

export type LackingRight = { user: string; table: string; right: string };

/** The rights that this user has not; the service needs each some day. */
export async function lackingRights(url: string): Promise<LackingRight[]> {
  const orm = openOrm({ url, connections: 1, name: 'tidings-start' });
  try {
    return await orm.em.fork().execute<LackingRight[]>(
      `select current_user::text as "user", t.name as "table", r.name as "right"
       from unnest(${listed(tables)}) as t (name), unnest(${listed(rights)}) with ordinality as r (name, place)
       where to_regclass('${schema}.' || t.name) is not null and not has_table_privilege(to_regclass('${schema}.' || t.name), r.name)
       order by t.name, r.place`,
    );
  } finally {
    await orm.close(true);
  }
}

function listed(names: readonly string[]): string {
  return `array[${names.map((name) => `'${name}'`).join()}]`;
}
