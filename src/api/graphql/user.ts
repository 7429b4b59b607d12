// Users: read, list, create, update and delete them.

import type { FilterQuery } from '@mikro-orm/postgresql';
import { User as StoredUser, type roles } from '../../model/user.ts';
import type { CreateUserInput as NewUser, UpdateUserInput as UserChange } from '../../users/input.ts';
import { createUser, deleteUser, findUser, updateUser } from '../../users/lifecycle.ts';
import { naming } from './argument-at-fault.ts';
import { builder } from './builder.ts';
import { connect } from './connection.ts';
import { OAuthAccount } from './oauth-account.ts';
import { containing } from './search.ts';
import { UserSession } from './user-session.ts';

const Role = builder.enumType('Role', {
  description: 'What a user may do.',
  values: {
    USER: { description: 'May see and change what is their own.' },
    ADMIN: { description: 'May do everything.' },
  } satisfies Record<(typeof roles)[number], object>,
});

export const User = builder.objectRef<StoredUser>('User').implement({
  description: 'A person whose changes become events.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The stored UUID.' }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'As it was given, trimmed; not unique. Null when their provider gave none.',
    }),
    displayName: t.exposeString('displayName', { nullable: true, description: 'The name to show.' }),
    avatarUrl: t.exposeString('avatarUrl', { nullable: true, description: 'Where their picture is.' }),
    role: t.expose('role', { type: Role, description: 'What they may do.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they were made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When they last changed.' }),
    oauthAccounts: t.field({
      type: [OAuthAccount],
      description: 'The accounts with which they sign in, the one linked first before the others.',
      resolve: async ({ id }, _args, { loaders }) => await loaders.accountsOfUser.load(id),
    }),
    sessions: t.field({
      type: [UserSession],
      description: 'Where they are signed in, the newest first, at most 200.',
      resolve: async ({ id }, _args, { loaders }) => await loaders.sessionsOfUser.load(id),
    }),
  }),
});

const UserConnection = builder.connectionObject(
  { type: User, name: 'UserConnection', description: 'A page of users.' },
  { name: 'UserEdge', description: 'A user and their cursor.' },
);

builder.queryFields((t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: 'Admin. The user with this id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: "A user's id." }) },
    resolve: async (_root, { id }, { em }) => await findUser(em, id),
  }),
  users: t.connection(
    {
      type: User,
      nullable: true,
      description: 'Admin. Newest first.',
      args: {
        search: t.arg.string({ description: 'A part of the e-mail or display name, in any case of any script.' }),
      },
      resolve: async (_root, args, { em }) => {
        return await connect<StoredUser>(args, { em, entity: StoredUser, kind: 'user', where: matching(args.search) });
      },
    },
    UserConnection,
  ),
}));

function matching(search: string | null | undefined): FilterQuery<StoredUser> | null {
  if (!search) return {};
  const pattern = containing(search);
  return pattern === null ? null : { searchText: { $like: pattern } };
}

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'A new user.',
  fields: (t) => ({
    email: t.string({ required: true, description: 'Their e-mail address.' }),
    displayName: t.string({ description: 'The name to show.' }),
    role: t.field({ type: Role, description: 'What they may do; USER when absent.' }),
  }),
});

const UpdateUserInput = builder.inputType('UpdateUserInput', {
  description: 'What changes: an absent field stays as it is, null clears it.',
  fields: (t) => ({
    email: t.string({ description: 'Their e-mail address; cannot be cleared.' }),
    displayName: t.string({ description: 'The name to show.' }),
    avatarUrl: t.string({ description: 'Where their picture is.' }),
    role: t.field({ type: Role, description: 'What they may do; cannot be cleared.' }),
  }),
});

// Rules beyond the schema, such as that null does not clear a role, are checked there.
builder.mutationFields((t) => ({
  createUser: t.field({
    type: User,
    nullable: true,
    description: 'Admin. Emits user.created.',
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The new user.' }) },
    resolve: async (_root, { input }, { transactions }) => await createUser(transactions, input as NewUser),
  }),
  updateUser: t.field({
    type: User,
    nullable: true,
    description: 'Admin. Emits user.updated, only when something changed.',
    args: {
      id: t.arg.id({ required: true, description: "The user's id." }),
      input: t.arg({ type: UpdateUserInput, required: true, description: 'What changes.' }),
    },
    resolve: async (_root, { id, input }, { transactions }) =>
      await naming('id', updateUser(transactions, id, input as UserChange)),
  }),
  deleteUser: t.boolean({
    nullable: true,
    description: 'Admin. Emits user.deleted.',
    args: { id: t.arg.id({ required: true, description: "The user's id." }) },
    resolve: async (_root, { id }, { transactions }) => {
      await naming('id', deleteUser(transactions, id));
      return true;
    },
  }),
}));
