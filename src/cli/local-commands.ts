// The commands that run the service, or look at what it runs on.

import type { CheckOptions } from './check.ts';
import type { CleanOptions } from './clean.ts';
import type { Command } from './command.ts';
import type { DoctorOptions } from './doctor.ts';
import type { MigrateOptions } from './migrate.ts';
import { jsonOption, yesOption } from './options.ts';

export const localCommands: readonly Command[] = [
  {
    name: 'start',
    does: 'run the service; its settings come from the environment, config/ and .tidings/ from here',
    examples: [
      ['tidings start', 'run it here, with databases of its own'],
      ['PORT=8080 tidings start', 'on another port'],
    ],
    async run(_given, _options, { catchStop }) {
      // Before the service is loaded: a signal meanwhile is a stop, too.
      const stop = catchStop();
      const { start } = await import('./start.ts');
      await start(stop);
    },
  },
  {
    name: 'check',
    does: 'read the configuration files as a start would, and print every problem',
    options: [jsonOption, { flags: '--no-secrets', does: 'leave secrets unresolved' }],
    examples: [
      ['tidings check', 'before a start or a reload'],
      ['tidings check --no-secrets --json', 'where no secrets are, as in a build'],
    ],
    async run(_given, options: CheckOptions) {
      const { check } = await import('./check.ts');
      return await check(options);
    },
  },
  {
    name: 'migrate',
    does: 'bring the database of DATABASE_URL to the tables that this version expects',
    options: [jsonOption],
    examples: [['DATABASE_URL=postgres://… tidings migrate', 'before a start of a new version']],
    async run(_given, options: MigrateOptions) {
      const { migrateDatabase } = await import('./migrate.ts');
      await migrateDatabase(options);
    },
  },
  {
    name: 'clean',
    does: 'remove the Postgres and the Valkey that the service ran for itself in this directory',
    options: [yesOption, jsonOption],
    more: 'It also removes what directories that are gone have left behind. It says what\nit will remove, and asks. The secrets in .tidings stay.',
    examples: [
      ['tidings clean', 'show what would be removed, and ask'],
      ['tidings clean --yes', 'remove it, as a script does'],
    ],
    async run(_given, options: CleanOptions, { refuse }) {
      const { clean } = await import('./clean.ts');
      return await clean(options, { refuse });
    },
  },
  {
    name: 'doctor',
    does: 'look at everything that a start needs, and say what is wrong and what to do',
    options: [
      jsonOption,
      { flags: '--dial', does: 'also connect to each enabled endpoint, without sending a request' },
    ],
    examples: [
      ['tidings doctor', 'before the first start, or when one fails'],
      ['tidings doctor --dial', 'also names, guards, connections and certificates of endpoints'],
    ],
    async run(_given, options: DoctorOptions) {
      const { doctor } = await import('./doctor.ts');
      return await doctor(options);
    },
  },
];
