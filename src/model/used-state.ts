// The id of a sign-in state that was used, so that it is not used again.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const UsedState = defineEntity({
  name: 'UsedState',
  tableName: 'oauth_used_states',
  properties: {
    id: p.uuid().primary(),
    usedAt: p.datetime(3).fieldName('used_at').defaultRaw('clock_timestamp()'),
  },
});

export type UsedState = InferEntity<typeof UsedState>;
