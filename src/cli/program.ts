// The command line: every command with its options and help; a command's code is loaded when it runs.

import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };

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

  aServers(program.command('endpoints'))
    .description('show the state of every endpoint, and which instance serves it')
    .option('--json', 'print a JSON array to stdout and nothing else')
    .action(async (options: { url?: string; token?: string; json?: boolean }) => {
      const { endpoints } = await import('./endpoints.ts');
      await endpoints(options);
    });

  return program;
}

/** The options of a command that talks to a running server. */
function aServers(command: Command): Command {
  return command
    .option('--url <url>', 'where it listens (else TIDINGS_URL, else http://127.0.0.1:4000)')
    .option('--token <token>', "the admin's token (else TIDINGS_TOKEN, else from .tidings/admin_token here)");
}
