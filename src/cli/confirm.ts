// Asks before something that cannot be undone.

import { createInterface } from 'node:readline';

export type Answering = { yes: boolean | undefined; refuse: (usage: string) => never };

/** Without a terminal and `yes` it calls `refuse`, with a sentence that names the option. */
export function needAnswer({ yes, refuse }: Answering): void {
  if (yes !== true && !process.stdin.isTTY) refuse('error: there is no terminal to ask on: give --yes to confirm');
}

/**
 * True when `yes` is set or the answer on the terminal is yes; anything else, and the end of the input, is no. Without a
 * terminal it calls `refuse`, as `needAnswer` does.
 */
export async function confirm(question: string, answering: Answering): Promise<boolean> {
  needAnswer(answering);
  if (answering.yes === true) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await new Promise<string>((resolve) => {
    terminal.question(`${question} [y/N] `, resolve);
    // Ctrl-C and Ctrl-D close it without an answer.
    terminal.on('close', () => resolve(''));
  });
  terminal.close();
  return /^\s*y(es)?\s*$/i.test(answer);
}
