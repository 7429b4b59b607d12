// Which rights on its tables the service lacks.

import { type DatabaseAddress, quotedSchema } from './database-address.ts';
import { openOrm } from './orm.ts';

const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** Every table, but for the list of migrations, that a start has read by then. */
export const tables: readonly string[] = [
  ...['oauth_accounts', 'oauth_invitations', 'oauth_used_states', 'sessions', 'users'],
  ...['webhook_backlog_samples', 'webhook_configurations', 'webhook_controls', 'webhook_cursors', 'webhook_deliveries'],
  ...['webhook_endpoint_outcomes', 'webhook_endpoint_stats', 'webhook_events', 'webhook_given_up'],
  ...[
    'webhook_idempotency_keys',
    'webhook_instances',
    'webhook_leases',
    'webhook_log',
    'webhook_log_gaps',
    'webhook_log_head',
  ],
  ...['webhook_orders', 'webhook_outbox', 'webhook_refused_reload', 'webhook_replays'],
];

/** `right` as `DELETE on users`. */
export type LackingRight = { user: string; right: string };

/** The rights that this user has not; the service needs each some day. */
export async function lackingRights(database: DatabaseAddress): Promise<LackingRight[]> {
  const orm = openOrm({ ...database, connections: 1, name: 'tidings-start' });
  const needed = neededIn(quotedSchema(database.schema));
  try {
    return await orm.em.fork().execute<LackingRight[]>(
      `select current_user::text as "user", "right"
         from unnest(array[${needed.map(([right]) => `'${right}'`).join()}], array[${needed.map(([, has]) => has).join()}])
                with ordinality as needed ("right", has, place)
        where not has order by place`,
    );
  } finally {
    await orm.close(true);
  }
}

/** Each right with the SQL that tells whether the user has it; null where the table itself is missing. */
function neededIn(schema: string): [right: string, has: string][] {
  const found = (name: string) => `to_regclass('${schema}.${name}')`;
  return [
    ...tables.flatMap((name) =>
      rights.map((right): [string, string] => [
        `${right} on ${name}`,
        `has_table_privilege(${found(name)}, '${right}')`,
      ]),
    ),
    // How far recording is; the next generation.
    ['SELECT on webhook_outbox_seq_seq', `has_sequence_privilege(${found('webhook_outbox_seq_seq')}, 'SELECT')`],
    ['USAGE on webhook_generations', `has_sequence_privilege(${found('webhook_generations')}, 'USAGE')`],
    // The log's next partition, without which no event gets a position.
    [`CREATE on schema ${schema}`, `has_schema_privilege(to_regnamespace('${schema}'), 'CREATE')`],
    [
      'ownership of webhook_log',
      `(select pg_has_role(relowner, 'USAGE') from pg_class where oid = ${found('webhook_log')})`,
    ],
  ];
}
