// Counts the fields of an answer about the schema: exactly, since the schema is known.

import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  Kind,
  type SelectionSetNode,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  isType,
} from 'graphql';

export type Introspection = {
  schema: GraphQLSchema;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Counting ends soon after so many; then the answer is at least that long. */
  most: number;
};

/**
 * A function that counts what is asked below `__schema` or `__type`. `source` is the schema or a type of it. What is
 * asked of the same type by the same part of the query is counted once and added as often as it comes.
 */
export function createIntrospectionCount({ schema, fragments, most }: Introspection) {
  const known = new Map<SelectionSetNode, Map<unknown, number>>();
  // Each step stands for at least one field of the answer.
  let steps = 0;

  function ofSelections(selectionSet: SelectionSetNode, type: GraphQLNamedType, source: unknown): number {
    const bySource = known.get(selectionSet) ?? new Map<unknown, number>();
    known.set(selectionSet, bySource);
    // Wrapped types are made for each use, and equal when they are written alike.
    const key = isType(source) ? String(source) : source;
    const before = bySource.get(key);
    if (before !== undefined) return before;
    let count = 0;
    for (const selection of selectionSet.selections) {
      if (steps > most) return Math.max(count, steps);
      if (selection.kind === Kind.FIELD) count += ofField(selection, type, source);
      else {
        const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)!;
        count += ofSelections(inner.selectionSet, type, source);
      }
    }
    bySource.set(key, count);
    return count;
  }

  function ofField(node: FieldNode, type: GraphQLNamedType, source: unknown): number {
    steps += 1;
    const field = isObjectType(type) ? type.getFields()[node.name.value] : undefined;
    if (!field?.resolve || !node.selectionSet) return 1;
    const info = { schema } as GraphQLResolveInfo;
    const value: unknown = field.resolve(source, { includeDeprecated: true }, undefined, info);
    const inside = getNamedType(field.type);
    const sources = isListType(getNullableType(field.type)) ? ((value ?? []) as readonly unknown[]) : [value];
    let count = 1;
    for (const one of sources) {
      if (one !== null && one !== undefined) count += ofSelections(node.selectionSet, inside, one);
    }
    return count;
  }

  return ofSelections;
}
