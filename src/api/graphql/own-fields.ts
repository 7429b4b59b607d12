// Refuses an answer that shows more of a row than its own fields, before the mutation does anything.

import {
  type DirectiveNode,
  type FieldNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  Kind,
  type SelectionSetNode,
  getDirectiveValues,
} from 'graphql';
import { Refusal } from '../../policy/refusal.ts';

/**
 * Throws Refusal FORBIDDEN when the answer of this field leads from its rows to others. A resolver of those would refuse
 * too late: the field has done its work by then, and the caller would think that it has not.
 */
export function refuseMoreThanOwnFields(info: GraphQLResolveInfo): void {
  for (const { selectionSet } of info.fieldNodes) {
    const beyond = selectionSet && findBeyond(selectionSet, info);
    if (!beyond) continue;
    const message = `This is not for publish_token, which reads no ${beyond.name.value} of what it publishes. Nothing was recorded.`;
    throw new Refusal('FORBIDDEN', message);
  }
}

/** The first field of the rows that has fields itself. */
function findBeyond({ selections }: SelectionSetNode, info: GraphQLResolveInfo): FieldNode | undefined {
  for (const selection of selections) {
    if (!isIncluded(selection, info)) continue;
    if (selection.kind === Kind.FIELD) {
      if (selection.selectionSet) return selection;
      continue;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value]!;
    const beyond = findBeyond(fragment.selectionSet, info);
    if (beyond) return beyond;
  }
  return undefined;
}

function isIncluded(node: { directives?: readonly DirectiveNode[] }, { variableValues }: GraphQLResolveInfo): boolean {
  const skip = getDirectiveValues(GraphQLSkipDirective, node, variableValues);
  const include = getDirectiveValues(GraphQLIncludeDirective, node, variableValues);
  return skip?.['if'] !== true && include?.['if'] !== false;
}
