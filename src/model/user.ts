// A person whose changes become events.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const roles = ['USER', 'ADMIN'] as const;

export const User = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    /** Trimmed, else as given; not unique, and null when the provider told none. */
    email: p.text().nullable(),
    displayName: p.text().nullable().fieldName('display_name'),
    avatarUrl: p.text().nullable().fieldName('avatar_url'),
    role: p.enum(roles),
    createdAt: p.datetime(3).fieldName('created_at'),
    updatedAt: p.datetime(3).fieldName('updated_at'),
  },
});

export type User = InferEntity<typeof User>;
