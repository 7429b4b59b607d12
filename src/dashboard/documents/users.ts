// What the list of users and the view of one ask, and how they are changed.

import { doc } from '../doc.ts';
import { type Page, type PageOf, pageArguments, pageInfo, pageVariables } from './page.ts';

export type Role = 'USER' | 'ADMIN';

export type UserRow = {
  id: string;
  email: string | null;
  displayName: string | null;
  role: Role;
  createdAt: string;
  oauthAccounts: { provider: string }[];
};

export const usersDocument = doc<{ users: Page<UserRow> }, { search: string | null } & PageOf>(`
  query Users($search: String, ${pageVariables}) {
    users(search: $search, ${pageArguments}) {
      nodes { id email displayName role createdAt oauthAccounts { provider } }
      ${pageInfo}
    }
  }
`);

export type User = {
  id: string;
  email: string | null;
  displayName: string | null;
  avatarUrl: string | null;
  role: Role;
  createdAt: string;
  updatedAt: string;
  oauthAccounts: { provider: string; subject: string; linkedAt: string }[];
};

export const userDocument = doc<{ user: User | null }, { id: string }>(`
  query User($id: ID!) {
    user(id: $id) {
      id email displayName avatarUrl role createdAt updatedAt oauthAccounts { provider subject linkedAt }
    }
  }
`);

export type UserSession = {
  id: string;
  createdAt: string;
  lastSeenAt: string;
  expiresAt: string;
  provider: string | null;
  current: boolean;
};

export const sessionsDocument = doc<{ user: { sessions: UserSession[] } | null }, { id: string }>(`
  query Sessions($id: ID!) {
    user(id: $id) { sessions { id createdAt lastSeenAt expiresAt provider current } }
  }
`);

export type UserInput = { email?: string; displayName?: string | null; avatarUrl?: string | null; role?: Role };

export const createUserDocument = doc<
  { createUser: { id: string } },
  { input: { email: string; displayName?: string | null; role?: Role } }
>(`
  mutation CreateUser($input: CreateUserInput!) { createUser(input: $input) { id } }
`);

export const updateUserDocument = doc<object, { id: string; input: UserInput }>(`
  mutation UpdateUser($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }
`);

export const deleteUserDocument = doc<object, { id: string }>(`
  mutation DeleteUser($id: ID!) { deleteUser(id: $id) }
`);

export const revokeSessionDocument = doc<object, { id: string }>(`
  mutation RevokeSession($id: ID!) { revokeSession(id: $id) }
`);

export const inviteDocument = doc<{ startOAuth: { url: string } }, { provider: string; userId: string }>(`
  mutation Invite($provider: String!, $userId: ID!) { startOAuth(provider: $provider, userId: $userId) { url } }
`);
