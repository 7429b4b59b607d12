// The options that several commands have. Apart from what reads them, since help needs them and no code.

import type { OptionSpec } from './command.ts';

/** Of a command that prints data. */
export const jsonOption: OptionSpec = { flags: '--json', does: 'print one JSON value to stdout and nothing else' };

/** Of a command that asks. */
export const yesOption: OptionSpec = { flags: '--yes', does: 'do not ask' };

/** Of a command that talks to a running server. */
export const serverOptions: readonly OptionSpec[] = [
  {
    flags: '--url <url>',
    does: 'where it listens (else TIDINGS_URL, else the service that runs in this directory)',
  },
  {
    flags: '--token <token>',
    does: 'admin_token, or read_token for what only reads (else TIDINGS_TOKEN, else the admin_token of the service that runs in this directory)',
  },
];

export const secretOptions: readonly OptionSpec[] = [
  { flags: '--secret <secret>', does: 'the secret itself (else TIDINGS_SECRET)' },
  { flags: '--secret-file <file>', does: 'a file that holds it' },
];

export const headerOption: OptionSpec = {
  flags: "--header <'name: value'>",
  does: 'a header of the request, as often as needed',
  isList: true,
};

/** What a list may have. */
export const usualLimit = 50;
export const largestLimit = 100_000;

export const limitOption: OptionSpec = {
  flags: '--limit <number>',
  does: `at most so many, the newest (${usualLimit} if absent, at most ${largestLimit})`,
};

const time = 'ISO 8601, or a duration ago such as 2h';
export const sinceOption: OptionSpec = { flags: '--since <time>', does: `from this time on: ${time}` };
export const untilOption: OptionSpec = { flags: '--until <time>', does: `before this time: ${time}` };
