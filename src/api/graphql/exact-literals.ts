// Refuses numbers in literals of JSON that no double can hold as they are written.

import {
  type ASTNode,
  type ASTVisitor,
  type FloatValueNode,
  GraphQLError,
  type IntValueNode,
  Kind,
  type ValidationContext,
  getNamedType,
} from 'graphql';
import { inexactSentence, isExact } from '../../policy/exact-numbers.ts';
import { longestMessage } from './errors.ts';

/** The name of the scalar that takes any JSON. */
const json = 'JSON';

type Above = readonly (ASTNode | readonly ASTNode[])[];

/** A validation rule. Variables are looked at where they are read. */
export function exactLiterals(context: ValidationContext): ASTVisitor {
  function check(
    node: IntValueNode | FloatValueNode,
    _key: unknown,
    parent: Above[number] | undefined,
    path: readonly (string | number)[],
    ancestors: Above,
  ): void {
    const type = context.getInputType();
    // Within an object of JSON nothing has a type.
    if ((type && getNamedType(type).name !== json) || isExact(node.value)) return;
    const sentence = inexactSentence({
      path: namesAlong(path, parent ? [...ancestors, parent] : ancestors).join('.'),
      source: node.value,
    });
    context.reportError(
      new GraphQLError(sentence.slice(0, longestMessage), { nodes: node, extensions: { code: 'BAD_USER_INPUT' } }),
    );
  }
  return { IntValue: check, FloatValue: check };
}

/** The argument, fields and indexes that lead to a value. */
function namesAlong(path: readonly (string | number)[], above: Above): string[] {
  return above.flatMap((one, index) => {
    if ('kind' in one) {
      if (one.kind === Kind.ARGUMENT || one.kind === Kind.OBJECT_FIELD) return [one.name.value];
      return one.kind === Kind.VARIABLE_DEFINITION ? [`$${one.variable.name.value}`] : [];
    }
    return path[index - 1] === 'values' ? [String(path[index])] : [];
  });
}
