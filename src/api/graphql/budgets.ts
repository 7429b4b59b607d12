// How much one GraphQL request may ask for, by who asks: what strangers send costs us before we know whether it is right.

import { type Asking, isTrusted } from '../viewer.ts';

export type Budget = {
  whose: 'stranger' | 'user' | 'admin';
  /** Of a body with a query in it; 1 MiB is also the most of every route. */
  bodyBytes: number;
  characters: number;
  /** Also the most lines: the engine counts lines anew for each place that an error names. */
  tokens: number;
  operations: number;
  fragments: number;
  /** Fragments that lead to each other: parser, validator and executor recurse into each. */
  fragmentLevels: number;
  /** Those of a fragment as often as it is used. */
  fields: number;
  /** Fields that have the same name in the answer as another field beside them: the validator compares each pair. */
  repeatedFields: number;
  /** What a refusal adds to its advice. */
  advice: string;
};

/** The prepared operations and GraphiQL's introspection (184 tokens) stay far below each figure of the first. */
const budgets = {
  stranger: {
    whose: 'stranger',
    ...{ bodyBytes: 64 * 1024, characters: 8_192, tokens: 500, operations: 10 },
    ...{ fragments: 10, fragmentLevels: 5, fields: 500, repeatedFields: 20 },
    advice: ', or send a token, with which you may ask for more',
  },
  user: {
    whose: 'user',
    ...{ bodyBytes: 128 * 1024, characters: 32_768, tokens: 2_000, operations: 20 },
    ...{ fragments: 30, fragmentLevels: 10, fields: 1_000, repeatedFields: 50 },
    advice: '',
  },
  admin: {
    whose: 'admin',
    ...{ bodyBytes: 1024 * 1024, characters: 131_072, tokens: 5_000, operations: 50 },
    ...{ fragments: 50, fragmentLevels: 10, fields: 2_500, repeatedFields: 100 },
    advice: '',
  },
} as const satisfies { [Whose in Budget['whose']]: Budget & { whose: Whose } };

/** Null: the database could not say whose session it is, but the session's token is one that we signed. */
export function budgetOf(asking: Asking | null): Budget {
  if (asking === null) return budgets.user;
  if (asking.viewer === null) return budgets.stranger;
  return isTrusted(asking.viewer) ? budgets.admin : budgets.user;
}
