// The command line: every command with its options and help; a command's code is loaded when it runs.

import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { sayLines } from './terminal.ts';

export type ProgramOptions = {
  /** Begins to catch SIGTERM and SIGINT; aborted by the first. */
  catchStop: () => AbortSignal;
};

/** Commander's program; on a usage error, and after help, parsing throws a CommanderError. */
export function makeProgram({ catchStop }: ProgramOptions): Command {
  const program = new Command('tidings')
    .description(packageJson.description)
    .version(packageJson.version)
    .exitOverride()
    // It repeats what it was given.
    .configureOutput({ writeErr: sayLines })
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(see --help)');

  program
    .command('start')
    .description('run the service; its settings come from the environment, config/ and .tidings/ from here')
    .action(async () => {
      const { start } = await import('./start.ts');
      await start(catchStop());
    });

  program
    .command('check')
    .description('read the configuration files as a start would, and print every problem')
    .option('--json', 'print one JSON object to stdout and nothing else')
    .option('--no-secrets', 'leave secrets unresolved')
    .action(async (options: { json?: boolean; secrets: boolean }) => {
      const { check } = await import('./check.ts');
      process.exitCode = await check(options);
    });

  program
    .command('migrate')
    .description('bring the database of DATABASE_URL to the tables that this version expects')
    .action(async () => {
      const { migrateDatabase } = await import('./migrate.ts');
      await migrateDatabase();
    });

  program
    .command('clean')
    .description('remove the Postgres and the Valkey that the service ran for itself in this directory')
    .option('--yes', 'do not ask')
    .addHelpText('after', cleanHelp)
    .action(async (options: { yes?: boolean }, command: Command) => {
      const { clean } = await import('./clean.ts');
      process.exitCode = await clean(options, { refuse: (usage) => command.error(usage) });
    });

  aServers(program.command('endpoints'))
    .description('show the state of every endpoint, and which instance serves it')
    .option('--json', 'print a JSON array to stdout and nothing else')
    .action(async (options: { url?: string; token?: string; json?: boolean }) => {
      const { endpoints } = await import('./endpoints.ts');
      await endpoints(options);
    });

  return program;
}

const cleanHelp = `
It also removes what directories that are gone have left behind. It says what it will remove, and asks. The secrets in
.tidings stay.

Examples:
  tidings clean         show what would be removed, and ask
  tidings clean --yes   remove it, as a script does`;

/** The options of a command that talks to a running server. */
function aServers(command: Command): Command {
  return command
    .option('--url <url>', 'where it listens (else TIDINGS_URL, else the service that runs in this directory)')
    .option(
      '--token <token>',
      'admin_token, or read_token for what only reads (else TIDINGS_TOKEN, else the admin_token of the service that runs in this directory)',
    );
}
