// Finds which argument of a query is at fault, for `extensions.argument`: its dotted path, such as `input.email`.

import {
  type ArgumentNode,
  type ASTNode,
  type DocumentNode,
  type GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
  visit,
} from 'graphql';
import { Refusal } from '../../policy/refusal.ts';

/** The words of the engine for an argument that is required and absent. */
const absent = /^(?:Field|Directive) ".*" argument "(\w+)" of type ".*" is required/;
const absentVariable = /^Argument "(\w+)"/;

/** Of an error of validation, or of a field's arguments at execution; null when it is about something else. */
export function argumentInQuery(error: GraphQLError, document: DocumentNode | undefined): string | null {
  const [node] = error.nodes ?? [];
  const named = absent.exec(error.message) ?? absentVariable.exec(error.message);
  if (named) return named[1]!;
  if (!document || !node) return null;
  return argumentAround(document, (inner) => inner === node);
}

/** Of an error in the value of a variable: the first argument that takes the variable. */
export function argumentOfVariable(
  error: GraphQLError,
  operation: OperationDefinitionNode,
  document: DocumentNode,
): string | null {
  const name = /^Variable "\$(\w+)"/.exec(error.message)?.[1];
  const isIt = (node: ASTNode) => node.kind === Kind.VARIABLE && node.name.value === name;
  const found = argumentAround(operation, isIt) ?? argumentAround(document, isIt);
  return found === null || name === undefined ? found : `${found}${pathInVariable(error, name)}`;
}

/**
 * As in `.list.2.type`; empty for the value as a whole. The engine ends its sentence with ` at "input.list[2].type"; ` and the
 * reason. Before that stands the value, in which a caller can write anything.
 */
function pathInVariable({ message, originalError }: GraphQLError, name: string): string {
  const ending = `"; ${originalError?.message}`;
  if (!message.endsWith(ending)) return '';
  const head = message.slice(0, -ending.length);
  const opening = ` at "${name}`;
  const path = head.slice(head.lastIndexOf(opening) + opening.length);
  return /^[.\w[\]]+$/.test(path) ? path.replaceAll(/\[(\d+)\]/g, '.$1') : '';
}

/** Runs what may find that the target of this argument does not exist, and names the argument then. */
export async function naming<T>(argument: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'NOT_FOUND') throw error;
    throw new Refusal(error.code, error.message, argument);
  }
}

/** The first argument in `root` that is such a node or holds one. */
function argumentAround(root: ASTNode, isIt: (node: ASTNode) => boolean): string | null {
  let found: string | null = null;
  visit(root, {
    Argument(node) {
      found ??= pathTo(node, isIt);
      // Nothing else is in there, and nothing more is looked for.
      return false;
    },
  });
  return found;
}

function pathTo(argument: ArgumentNode, isIt: (node: ASTNode) => boolean): string | null {
  if (isIt(argument)) return argument.name.value;
  const inside = pathInValue(argument.value, isIt);
  return inside === null ? null : [argument.name.value, ...inside].join('.');
}

function pathInValue(value: ValueNode, isIt: (node: ASTNode) => boolean): string[] | null {
  if (isIt(value)) return [];
  const parts: readonly (readonly [string, ASTNode, ValueNode])[] =
    value.kind === Kind.OBJECT
      ? value.fields.map((field) => [field.name.value, field, field.value] as const)
      : value.kind === Kind.LIST
        ? value.values.map((inner, index) => [String(index), inner, inner] as const)
        : [];
  for (const [name, node, inner] of parts) {
    const path = isIt(node) ? [] : pathInValue(inner, isIt);
    if (path !== null) return [name, ...path];
  }
  return null;
}
