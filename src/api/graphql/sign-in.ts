// Sign-in through an OAuth provider, for programs: start, complete, link, unlink, log out.

import { asUuid } from '../../model/uuid.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { IssuedSession } from '../../users/sessions.ts';
import type { Start } from '../../users/sign-in.ts';
import { type Viewer, isAdmin, needAdmin, needUser } from '../viewer.ts';
import { builder } from './builder.ts';
import { User } from './user.ts';

const OAuthStart = builder.objectRef<{ url: string; state: string | null }>('OAuthStart').implement({
  description: 'A sign-in that has begun and can be finished within ten minutes, once; with userId, an invitation.',
  fields: (t) => ({
    url: t.exposeString('url', {
      description:
        "Where to send the browser: the provider's page. With userId: an address of this service to give to that person, good for three days and until somebody signed in by it.",
    }),
    state: t.exposeString('state', {
      nullable: true,
      description: 'Comes back with the code; give both to completeOAuth. Keep it to yourself. Null with userId.',
    }),
  }),
});

const Session = builder.objectRef<IssuedSession>('Session').implement({
  description: 'One signed-in browser or program.',
  fields: (t) => ({
    token: t.exposeString('token', { description: 'For the header "Authorization: Bearer <token>".' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends by itself.' }),
    user: t.expose('user', { type: User, description: 'Who is signed in.' }),
  }),
});

builder.mutationFields((t) => ({
  startOAuth: t.field({
    type: OAuthStart,
    nullable: true,
    skipTypeScopes: true,
    authScopes: { anybody: true },
    description:
      'Start a sign-in, or with link: true a link to the signed-in user; send the browser to the URL. userId (admin): a one-time link for that user; whoever finishes it owns the account.',
    args: {
      provider: t.arg.string({ required: true, description: "The provider's id in config/oauth.yaml." }),
      redirectTo: t.arg.string({
        description:
          'Where /oauth/:provider/callback sends the browser of an invited person: a path, or a URL of an allowed origin.',
      }),
      link: t.arg.boolean({ defaultValue: false, description: 'Link the account to the signed-in user.' }),
      userId: t.arg.id({ description: 'Admin. The user to whom the account will belong. Not together with link.' }),
    },
    resolve: async (_root, { provider, redirectTo = null, link, userId }, { viewer, ...context }) => {
      const wish = wishOf({ link: link === true, userId: userId ?? null }, await viewer());
      if (wish.kind === 'invitation') {
        const code = await context.signIn.invite({ provider, redirectTo, userId: wish.userId });
        return { url: `${context.publicUrl()}/oauth/${provider}?invitation=${code}`, state: null };
      }
      await context.countStart();
      return await context.signIn.start({ provider, redirectTo, purpose: wish, browser: null });
    },
  }),
  completeOAuth: t.field({
    type: Session,
    nullable: true,
    skipTypeScopes: true,
    authScopes: { anybody: true },
    description:
      'Finish what startOAuth began, with the code and the state of the address to which the provider sent the browser; a link needs the session of the user who began it. Emits user.created and user.login, or user.oauth_linked.',
    args: {
      provider: t.arg.string({ required: true, description: 'The provider it was begun with.' }),
      code: t.arg.string({ required: true, description: "The provider's code." }),
      state: t.arg.string({ required: true, description: 'The state that startOAuth gave.' }),
    },
    resolve: async (_root, { provider, code, state }, { viewer, signIn }) => {
      const asking = await viewer();
      const { session } = await signIn.complete({
        provider,
        answer: new URLSearchParams({ code, state }),
        signedIn: asking?.kind === 'user' ? asking : null,
        browser: null,
        entrance: 'program',
      });
      return session;
    },
  }),
  unlinkOAuth: t.field({
    type: User,
    nullable: true,
    skipTypeScopes: true,
    authScopes: { signedIn: true },
    description:
      'Signed in. Take an account away from you. Emits user.oauth_unlinked. Refused for the last way to sign in (CONFLICT).',
    args: { provider: t.arg.string({ required: true, description: 'The provider of the account.' }) },
    resolve: async (_root, { provider }, { viewer, signIn }) =>
      await signIn.unlink(needUser(await viewer()).user.id, provider),
  }),
  revokeSession: t.boolean({
    nullable: true,
    skipTypeScopes: true,
    authScopes: { anybody: true },
    description: "Signed in. Ends one of your sessions; an admin: anybody's.",
    args: { id: t.arg.id({ required: true, description: "The session's id." }) },
    resolve: async (_root, { id }, { viewer, signIn, endCookie }) => {
      const asking = await viewer();
      await signIn.revoke(id, isAdmin(asking) ? null : needUser(asking).user.id);
      if (asking?.kind === 'user' && asking.sessionId === asUuid(id)) endCookie();
      return true;
    },
  }),
  logout: t.boolean({
    nullable: true,
    skipTypeScopes: true,
    authScopes: { signedIn: true },
    description: 'Signed in. Ends this session, and takes its cookie away.',
    resolve: async (_root, _args, { viewer, signIn, endCookie }) => {
      await signIn.logout(needUser(await viewer()).sessionId);
      endCookie();
      return true;
    },
  }),
}));

/** Throws Refusal UNAUTHENTICATED, FORBIDDEN, and BAD_USER_INPUT for both at once. */
function wishOf(
  { link, userId }: { link: boolean; userId: string | null },
  viewer: Viewer,
): Start['purpose'] | { kind: 'invitation'; userId: string } {
  if (link && userId !== null) {
    throw new Refusal('BAD_USER_INPUT', 'link is for yourself and userId for somebody else: give one of them.', 'link');
  }
  if (userId !== null) {
    needAdmin(viewer);
    return { kind: 'invitation', userId };
  }
  return link ? { kind: 'link', userId: needUser(viewer).user.id } : { kind: 'sign-in' };
}
