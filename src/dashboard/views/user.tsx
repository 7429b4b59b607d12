// One user: accounts and sessions, and what an admin can do: change, invite, end sessions, delete.

import { useState } from 'preact/hooks';
import { act } from '../act.ts';
import { go } from '../address.ts';
import {
  type User,
  type UserSession,
  deleteUserDocument,
  revokeSessionDocument,
  sessionsDocument,
  userDocument,
} from '../documents/users.ts';
import { mayChange } from '../identity.ts';
import { Ago, At } from '../parts/ago.tsx';
import { confirmFirst } from '../parts/confirm.tsx';
import { Facts } from '../parts/facts.tsx';
import { Awaited, Part, Problems, Section, Title } from '../parts/part.tsx';
import { linkTo } from '../routing.ts';
import { useAnswer } from '../use-answer.ts';
import { Invite } from './invite.tsx';
import { ChangeUser } from './user-forms.tsx';

export function UserView({ id }: { id: string }) {
  const { data, problems, isAwaited } = useAnswer(userDocument, { id });
  const user = data?.user;
  return (
    <>
      <Title>{user ? nameOf(user) : 'User'}</Title>
      <Problems of={problems} />
      {data === null ? <Awaited when={isAwaited} /> : null}
      {user === null && problems.length === 0 ? <p class="empty">There is no such user.</p> : null}
      {user ? <Whole user={user} /> : null}
    </>
  );
}

function nameOf({ displayName, email, id }: User): string {
  return displayName ?? email ?? id;
}

function Whole({ user }: { user: User }) {
  return (
    <>
      <Facts
        of={[
          ['E-mail', user.email ?? 'none'],
          ['Name', user.displayName ?? 'none'],
          ['Role', user.role === 'ADMIN' ? 'Admin' : 'User'],
          ['Picture', user.avatarUrl === null ? null : <code>{user.avatarUrl}</code>],
          ['Id', <code>{user.id}</code>],
          ['Since', <At at={user.createdAt} />],
          ['Changed', <At at={user.updatedAt} />],
          ['Events', <a href={linkTo('events', null, { subject: user.id })}>Events about this user</a>],
        ]}
      />
      {mayChange.value ? <Controls user={user} /> : <p class="quiet">You may look, and change nothing here.</p>}
      <Section title="Ways to sign in">
        {user.oauthAccounts.length === 0 ? <p class="empty">None yet: invite them.</p> : null}
        <ul>
          {user.oauthAccounts.map(({ provider, subject, linkedAt }) => (
            <li key={provider}>
              {provider}, there <code>{subject}</code>, since <At at={linkedAt} />
            </li>
          ))}
        </ul>
      </Section>
      <Sessions userId={user.id} />
    </>
  );
}

function Controls({ user }: { user: User }) {
  const [isChanging, setChanging] = useState(false);
  const remove = async () => {
    const isSure = await confirmFirst({
      title: 'Delete this user?',
      says: (
        <p>
          {nameOf(user)} is deleted, with all accounts and sessions, and cannot come back. The event user.deleted goes
          to the endpoints.
        </p>
      ),
      verb: 'Delete',
    });
    if (!isSure) return;
    const done = await act(deleteUserDocument, { id: user.id }, `${nameOf(user)} is deleted.`);
    if (done !== null) go(linkTo('users'));
  };
  return (
    <div class="controls">
      <button type="button" onClick={() => setChanging(true)}>
        Change
      </button>
      <Invite userId={user.id} />
      <button type="button" class="danger" onClick={() => void remove()}>
        Delete
      </button>
      {isChanging ? <ChangeUser user={user} onClose={() => setChanging(false)} /> : null}
    </div>
  );
}

function Sessions({ userId }: { userId: string }) {
  const asked = useAnswer(sessionsDocument, { id: userId }, { everyMs: 15_000 });
  return (
    <Part title="Sessions" asked={asked}>
      {({ user }) => {
        const sessions = user?.sessions ?? [];
        if (sessions.length === 0) return <p class="empty">Nowhere signed in.</p>;
        return (
          <ul>
            {sessions.map((session) => (
              <li key={session.id}>
                <OneSession session={session} />
              </li>
            ))}
          </ul>
        );
      }}
    </Part>
  );
}

function OneSession({
  session: { id, createdAt, lastSeenAt, expiresAt, provider, current },
}: {
  session: UserSession;
}) {
  const end = async () => {
    const isSure = await confirmFirst({
      title: 'End this session?',
      says: <p>Whoever uses it is signed out{current ? '. It is your own' : ''}.</p>,
      verb: 'End session',
    });
    if (isSure) await act(revokeSessionDocument, { id }, 'The session is ended.');
  };
  return (
    <>
      {current ? <strong>Yours: </strong> : null}
      by {provider ?? 'an unknown provider'}, since <At at={createdAt} />, last seen <Ago at={lastSeenAt} />, until{' '}
      <At at={expiresAt} />{' '}
      {mayChange.value ? (
        <button type="button" onClick={() => void end()}>
          End session
        </button>
      ) : null}
    </>
  );
}
