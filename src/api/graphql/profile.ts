// The signed-in user's own profile: read and change it.

import { deleteUser, updateUser } from '../../users/lifecycle.ts';
import { needUser, refuseTokens } from '../viewer.ts';
import { builder } from './builder.ts';
import { User } from './user.ts';

builder.queryFields((t) => ({
  me: t.field({
    type: User,
    nullable: true,
    skipTypeScopes: true,
    description: 'The signed-in user; null when nobody is, and for the admin and the read token.',
    resolve: async (_root, _args, { viewer }) => {
      const asking = await viewer();
      if (asking?.kind === 'publisher') refuseTokens(asking);
      return asking?.kind === 'user' ? asking.user : null;
    },
  }),
}));

const UpdateProfileInput = builder.inputType('UpdateProfileInput', {
  description: 'What changes: an absent field stays as it is, null clears it.',
  fields: (t) => ({
    displayName: t.string({ description: 'The name to show.' }),
    avatarUrl: t.string({ description: 'Where your picture is: an http or https URL.' }),
  }),
});

builder.mutationFields((t) => ({
  updateProfile: t.field({
    type: User,
    nullable: true,
    skipTypeScopes: true,
    authScopes: { signedIn: true },
    description: 'Signed in. Changes your own profile. Emits user.updated, only when something changed.',
    args: { input: t.arg({ type: UpdateProfileInput, required: true, description: 'What changes.' }) },
    resolve: async (_root, { input: { displayName, avatarUrl } }, { viewer, transactions }) => {
      const { user } = needUser(await viewer());
      return await updateUser(transactions, user.id, { displayName, avatarUrl });
    },
  }),
  deleteAccount: t.boolean({
    nullable: true,
    skipTypeScopes: true,
    authScopes: { signedIn: true },
    description: 'Signed in. Deletes you, your accounts and all your sessions. Emits user.deleted.',
    resolve: async (_root, _args, { viewer, transactions, endCookie }) => {
      const { user } = needUser(await viewer());
      await deleteUser(transactions, user.id);
      endCookie();
      return true;
    },
  }),
}));
