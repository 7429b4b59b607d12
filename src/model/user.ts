// A person whose changes become events.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';
import { foldCase } from '../policy/fold-case.ts';

export const roles = ['USER', 'ADMIN'] as const;

/** Folded text has no capital letter, so no search reaches from the e-mail address into the name. */
const betweenFields = 'A';

function searchText({ email, displayName }: { email?: unknown; displayName?: unknown }): string {
  return [email, displayName].map((text) => (typeof text === 'string' ? foldCase(text) : '')).join(betweenFields);
}

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
    /** What a search looks through. Each flush makes it anew. */
    searchText: p.text().fieldName('search_text').onCreate(searchText).onUpdate(searchText),
  },
});

export type User = InferEntity<typeof User>;
