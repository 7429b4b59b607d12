// What a command is: its name, options and examples, and the function that runs it. Help, completion and parsing are made of it.

export type CommandSurroundings = {
  /** Begins to catch SIGTERM and SIGINT; aborted by the first. */
  catchStop(): AbortSignal;
  /** Reports a wrong use, and ends with exit status 2. */
  refuse(usage: string): never;
  /** All of them, in the order of help. */
  commands: readonly Command[];
};

export type OptionSpec = {
  /** As in `--since <time>`. */
  flags: string;
  does: string;
  /** What it can be. */
  choices?: readonly string[];
  /** A choice may be written in capitals, as it is shown. */
  isAnyCase?: boolean;
  /** It may be given more than once; its value is a list. */
  isList?: boolean;
  /** Without it the command is used wrongly. */
  isNeeded?: boolean;
};

export type Command<Options = object> = {
  name: string;
  /** As in `<id> [event]`. */
  takes?: string;
  does: string;
  options?: readonly OptionSpec[];
  /** What help says beyond the options. */
  more?: string;
  examples: readonly (readonly [line: string, does: string])[];
  /** Returns the exit status, 0 if it returns nothing. The arguments of a list are arguments each. */
  run(given: readonly string[], options: Options, surroundings: CommandSurroundings): Promise<number | void>;
};
