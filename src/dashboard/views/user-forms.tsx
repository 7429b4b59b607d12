// The forms by which a user is made and changed.

import { act } from '../act.ts';
import { go } from '../address.ts';
import { type Role, type User, type UserInput, createUserDocument, updateUserDocument } from '../documents/users.ts';
import { Dialog } from '../parts/dialog.tsx';
import { linkTo } from '../routing.ts';

const roles = [
  ['USER', 'User'],
  ['ADMIN', 'Admin'],
] as const;

export function CreateUser({ onClose }: { onClose(): void }) {
  const create = async (form: HTMLFormElement) => {
    const { email, displayName, role } = fieldsOf(form);
    const input = { email, displayName: displayName === '' ? null : displayName, role };
    const made = await act(createUserDocument, { input }, `${email} is made.`);
    if (made === null) return;
    onClose();
    go(linkTo('users', made.createUser.id));
  };
  return <UserForm title="Create user" button="Create" user={null} submit={create} onClose={onClose} />;
}

export function ChangeUser({ user, onClose }: { user: User; onClose(): void }) {
  const change = async (form: HTMLFormElement) => {
    const input = changedIn(user, fieldsOf(form));
    if (Object.keys(input).length === 0) {
      onClose();
      return;
    }
    const done = await act(updateUserDocument, { id: user.id, input }, 'The user is changed.');
    if (done !== null) onClose();
  };
  return <UserForm title="Change user" button="Save" user={user} submit={change} onClose={onClose} />;
}

type UserFormProps = {
  title: string;
  button: string;
  user: User | null;
  submit(form: HTMLFormElement): Promise<void>;
  onClose(): void;
};

function UserForm({ title, button, user, submit, onClose }: UserFormProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => (event.preventDefault(), void submit(event.currentTarget))}>
        <Fields of={user} />
        <div class="controls">
          <button type="submit">{button}</button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Fields({ of: user }: { of: User | null }) {
  return (
    <>
      <label>
        E-mail
        <input
          name="email"
          type="text"
          inputMode="email"
          required={user === null}
          defaultValue={user?.email ?? ''}
          autocomplete="off"
        />
      </label>
      <label>
        Name
        <input name="displayName" type="text" defaultValue={user?.displayName ?? ''} autocomplete="off" />
      </label>
      {user === null ? null : (
        <label>
          Picture’s URL
          <input name="avatarUrl" type="text" defaultValue={user.avatarUrl ?? ''} autocomplete="off" />
        </label>
      )}
      <label>
        Role
        <select name="role">
          {roles.map(([role, word]) => (
            <option key={role} value={role} selected={role === (user?.role ?? 'USER')}>
              {word}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

type Fields = { email: string; displayName: string; avatarUrl: string; role: Role };

function fieldsOf(form: HTMLFormElement): Fields {
  const data = new FormData(form);
  const text = (name: string) => {
    const value = data.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  return {
    email: text('email'),
    displayName: text('displayName'),
    avatarUrl: text('avatarUrl'),
    role: text('role') === 'ADMIN' ? 'ADMIN' : 'USER',
  };
}

/** Only what is another: null clears a name or a picture, and an e-mail that was cleared is for the API to refuse. */
function changedIn(user: User, { email, displayName, avatarUrl, role }: Fields): UserInput {
  return {
    ...(email === (user.email ?? '') ? {} : { email }),
    ...(displayName === (user.displayName ?? '') ? {} : { displayName: displayName === '' ? null : displayName }),
    ...(avatarUrl === (user.avatarUrl ?? '') ? {} : { avatarUrl: avatarUrl === '' ? null : avatarUrl }),
    ...(role === user.role ? {} : { role }),
  };
}
