// The command line: every command with its options and help, made of the table of commands.

import { Command as Commander, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import type { Command, OptionSpec } from './command.ts';
import { commands } from './commands.ts';
import { printed, sayLines } from './terminal.ts';

export type ProgramOptions = {
  /** Begins to catch SIGTERM and SIGINT; aborted by the first. */
  catchStop: () => AbortSignal;
};

/** Commander's program; on a usage error, and after help, parsing throws a CommanderError. */
export function makeProgram({ catchStop }: ProgramOptions): Commander {
  const program = new Commander('tidings')
    .description(packageJson.description)
    .version(packageJson.version)
    .exitOverride()
    // It repeats what it was given.
    .configureOutput({ writeErr: sayLines })
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(see --help)');
  for (const one of commands) add(program, one, catchStop);
  return program;
}

function add(
  program: Commander,
  { name, takes, does, options = [], run, ...help }: Command,
  catchStop: () => AbortSignal,
) {
  const command = program.command(takes === undefined ? name : `${name} ${takes}`).description(does);
  for (const option of options) command.addOption(optionOf(option));
  command.addHelpText('after', helpOf(help));
  command.action(async (...given: unknown[]) => {
    const [chosen] = given.splice(-2) as [object];
    const surroundings = { catchStop, commands, refuse: (usage: string) => command.error(usage) };
    const args = given.flat().filter((one) => one !== undefined) as string[];
    process.exitCode = (await run(args, chosen, surroundings)) ?? 0;
    await printed();
  });
}

function optionOf({ flags, does, choices, isAnyCase, isList, isNeeded = false }: OptionSpec): Option {
  const option = new Option(flags, does).makeOptionMandatory(isNeeded);
  if (choices) option.choices(choices);
  const parse = option.parseArg;
  if (isAnyCase) option.argParser((value: string, before: unknown) => parse?.(value.toLowerCase(), before));
  if (isList) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  return option;
}

function helpOf({ more, examples }: Pick<Command, 'more' | 'examples'>): string {
  const widest = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) =>
    // What does not fit beside it goes below.
    widest + what.length > 74 ? `  ${line}\n      ${what}` : `  ${line.padEnd(widest + 3)}${what}`,
  );
  return `${more === undefined ? '' : `\n${more}\n`}\nExamples:\n${lines.join('\n')}`;
}
