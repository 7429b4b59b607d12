// Which rights on its tables the service lacks.

import { type DatabaseAddress, quotedSchema } from './database-address.ts';
import { openOrm } from './orm.ts';

const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** Every table, but for the list of migrations, that a start has read by then. */
export const tables: readonly string[] = [
  ...['oauth_accounts', 'oauth_invitations', 'oauth_used_states', 'sessions', 'users'],
  ...['webhook_configurations', 'webhook_controls', 'webhook_cursors', 'webhook_deliveries'],
  ...['webhook_endpoint_outcomes', 'webhook_endpoint_stats', 'webhook_events', 'webhook_idempotency_keys'],
  ...['webhook_instances', 'webhook_leases', 'webhook_log', 'webhook_log_gaps', 'webhook_log_head'],
  ...['webhook_outbox', 'webhook_replays'],
];

/** Every sequence but those of identity columns, which go with their table's rights. */
const sequences = ['webhook_generations'];

/** `on`: the name of a table or a sequence. */
export type LackingRight = { user: string; on: string; right: string };

/** The rights that this user has not; the service needs each some day. */
export async function lackingRights(database: DatabaseAddress): Promise<LackingRight[]> {
  const orm = openOrm({ ...database, connections: 1, name: 'tidings-start' });
  const needed = [
    ...tables.flatMap((on) => rights.map((right) => ({ on, right }))),
    ...sequences.map((on) => ({ on, right: 'USAGE' })),
  ];
  try {
    return await orm.em.fork().execute<LackingRight[]>(
      `select current_user::text as "user", "on", "right"
         from unnest(${listed(needed.map(({ on }) => on))}, ${listed(needed.map(({ right }) => right))})
                with ordinality as needed ("on", "right", place),
              to_regclass('${quotedSchema(database.schema)}.' || "on") as found
        where not case "right" when 'USAGE' then has_sequence_privilege(found, "right")
                               else has_table_privilege(found, "right") end
        order by place`,
    );
  } finally {
    await orm.close(true);
  }
}

function listed(names: readonly string[]): string {
  return `array[${names.map((name) => `'${name}'`).join()}]`;
}
