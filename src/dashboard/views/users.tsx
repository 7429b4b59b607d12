// The users: found by a part of their name or address, and made.

import { useState } from 'preact/hooks';
import { asked } from '../address.ts';
import { type UserRow, usersDocument } from '../documents/users.ts';
import { utcSecond } from '../formats.ts';
import { mayChange } from '../identity.ts';
import { Filters } from '../parts/filters.tsx';
import { Pager, askedPage } from '../parts/pager.tsx';
import { Awaited, Problems, Title } from '../parts/part.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { linkTo } from '../routing.ts';
import { useAnswer } from '../use-answer.ts';
import { CreateUser } from './user-forms.tsx';

const columns: readonly Column<UserRow>[] = [
  {
    name: 'name',
    head: 'User',
    cell: ({ id, displayName, email }) => (
      <>
        <a data-row href={linkTo('users', id)}>
          {displayName ?? email ?? id}
        </a>
        {displayName === null || email === null ? null : <small>{email}</small>}
      </>
    ),
  },
  { name: 'role', head: 'Role', cell: ({ role }) => (role === 'ADMIN' ? 'Admin' : 'User') },
  {
    name: 'accounts',
    head: 'Signs in by',
    isExtra: true,
    cell: ({ oauthAccounts }) => oauthAccounts.map(({ provider }) => provider).join(', ') || 'nothing yet',
  },
  {
    name: 'created',
    head: 'Since (UTC)',
    isExtra: true,
    cell: ({ createdAt }) => <time dateTime={createdAt}>{utcSecond(createdAt)}</time>,
  },
];

export function UsersView() {
  const [isCreating, setCreating] = useState(false);
  const search = asked('q');
  const variables = { search: search === '' ? null : search, ...askedPage() };
  const { data, problems, isAwaited } = useAnswer(usersDocument, variables, { everyMs: 15_000 });
  return (
    <>
      <Title>Users</Title>
      <Filters label="Users" of={[{ name: 'q', label: 'Search', hint: 'part of a name or e-mail' }]} />
      {mayChange.value ? (
        <div class="controls">
          <button type="button" onClick={() => setCreating(true)}>
            Create user
          </button>
        </div>
      ) : null}
      {isCreating ? <CreateUser onClose={() => setCreating(false)} /> : null}
      <Problems of={problems} />
      {data === null ? (
        <Awaited when={isAwaited} />
      ) : (
        <>
          <Table
            label="Users"
            columns={columns}
            rows={data.users.nodes}
            keyOf={({ id }) => id}
            empty={search === '' ? 'There is no user yet.' : 'No user matches.'}
          />
          <Pager of={data.users.pageInfo} />
        </>
      )}
    </>
  );
}
