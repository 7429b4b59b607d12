// Asks again who asks before each field of a mutation: an earlier field, or somebody else, may have ended the session.

import type { GraphQLSchema } from 'graphql';
import type { Context } from './builder.ts';

/** Changes the fields of the schema's mutation. What they lead to is still answered to who asked for the whole. */
export function askAgainForEachField(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve } = field;
    if (!resolve) throw new Error(`the mutation ${field.name} does nothing`);
    field.resolve = async (root, args, context: Context, info): Promise<unknown> => {
      const asking = context.askAgain();
      // What is allowed is kept for each context.
      const own: Context = { ...context, viewer: async () => await asking };
      // Awaited by those who need it; a field that does not must not fail.
      asking.catch(() => {});
      return await resolve(root, args, own, info);
    };
  }
  return schema;
}
