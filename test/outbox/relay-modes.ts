// Modes of a relay, as an instance would set them.

import type { RelayMode } from '../../src/outbox/relay-steps.ts';

/** This mode on a database server, whose log and stream were compared. */
export function relayMode(is: RelayMode['is'], server = 'a server', appends = true): RelayMode {
  return is === 'rests' ? { is } : { is, server, appends };
}
