// `tidings completion`: a script by which a shell completes commands and options.

import type { Command } from './command.ts';
import { print } from './terminal.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Of `--since <time>`: `--since`. */
function longNames({ options = [] }: Command): string[] {
  return [...options.map(({ flags }) => /--[\w-]+/.exec(flags)![0]), '--help'];
}

export function completion(shell: Shell, commands: readonly Command[]): void {
  const scripts: Record<Shell, (commands: readonly Command[]) => string> = { bash, zsh, fish };
  for (const line of scripts[shell](commands).trim().split('\n')) print(line);
}

function bash(commands: readonly Command[]): string {
  return `
_tidings() {
  local word="\${COMP_WORDS[COMP_CWORD]}" names=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    names="${commands.map(({ name }) => name).join(' ')} --help --version"
  else
    case "\${COMP_WORDS[1]}" in
${commands.map((one) => `      ${one.name}) names="${longNames(one).join(' ')}" ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$names" -- "$word"))
}
complete -o default -F _tidings tidings`;
}

function zsh(commands: readonly Command[]): string {
  return `
#compdef tidings
_tidings() {
  if (( CURRENT == 2 )); then
    local -a names=(
${commands.map(({ name, does }) => `      ${quoted(`${name}:${does}`)}`).join('\n')}
    )
    _describe command names
    return
  fi
  case "\${words[2]}" in
${commands.map((one) => `    ${one.name}) compadd -- ${longNames(one).join(' ')} ;;`).join('\n')}
  esac
  _files
}
compdef _tidings tidings`;
}

function fish(commands: readonly Command[]): string {
  const names = commands.map(
    ({ name, does }) => `complete -c tidings -n __fish_use_subcommand -a ${name} -d ${quoted(does)}`,
  );
  const options = commands.flatMap(({ name, options: own = [] }) =>
    own.map(({ flags, does }) => {
      const long = /--([\w-]+)/.exec(flags)![1];
      const value = flags.includes('<') ? ' -r' : '';
      return `complete -c tidings -n '__fish_seen_subcommand_from ${name}' -l ${long}${value} -d ${quoted(does)}`;
    }),
  );
  return [...names, ...options].join('\n');
}

/** As one word of zsh or fish: in fish a backslash inside quotes escapes, and there is none in these texts. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
