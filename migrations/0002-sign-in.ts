// Sign-in: accounts at OAuth providers, sessions, invitations, and the states that were used.

import { Migration } from '@mikro-orm/migrations';

export class SignInTables extends Migration {
  override up(): void {
    // A provider need not tell an address.
    this.addSql('alter table users alter column email drop not null');

    this.addSql(`
      create table oauth_accounts (
        provider text not null,
        subject text not null,
        user_id uuid not null references users (id) on delete cascade,
        linked_at timestamptz(3) not null,
        primary key (provider, subject),
        unique (user_id, provider)
      )`);

    this.addSql(`
      create table sessions (
        id uuid primary key,
        user_id uuid not null references users (id) on delete cascade,
        provider text,
        created_at timestamptz(3) not null,
        last_seen_at timestamptz(3) not null,
        expires_at timestamptz(3) not null
      )`);
    this.addSql('create index on sessions (user_id)');

    // A state is sealed and carries itself; only that it was used must be known, for as long as it would be valid.
    this.addSql(`
      create table oauth_used_states (
        id uuid primary key,
        used_at timestamptz(3) not null default clock_timestamp()
      )`);

    // A code is known to nobody but whom it was given to.
    this.addSql(`
      create table oauth_invitations (
        code_digest text primary key,
        provider text not null,
        user_id uuid not null references users (id) on delete cascade,
        redirect_to text,
        expires_at timestamptz(3) not null,
        used_at timestamptz(3)
      )`);
    this.addSql('create index on oauth_invitations (user_id)');
  }
}
