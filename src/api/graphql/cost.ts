// Estimates the cost of a query: about one for each field of each row that it may return.

import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
} from 'graphql';
import { defaultSize, largestSize } from './connection.ts';

/** Allows the largest page of events with all fields of all attempts, but not one more level of lists. */
export const mostCost = 100_000;

/** Rows of a list without pages: a usual number of an event's attempts or of endpoints. */
const assumedRows = 10;

/** Fields that cost more: a count reads the whole list, a sign-in calls the provider's server. */
const costs: Record<string, number> = {
  totalCount: 5_000,
  startOAuth: 20_000,
  completeOAuth: 20_000,
};

/** A page is a query of its own. */
const pageCost = 10;

export type Estimate = {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** As they were sent; only page sizes are read from them. */
  variables: Readonly<Record<string, unknown>>;
};

/** The query must be valid. Every use of a fragment and of a field counts, under whatever alias. */
export function costOf({ schema, operation, fragments, variables }: Estimate): number {
  // A fragment on a connection costs what its rows do, so by page size.
  const known = new Map<SelectionSetNode, Map<number, number>>();

  function ofSelections(selectionSet: SelectionSetNode, type: GraphQLNamedType, rows: number): number {
    const byRows = known.get(selectionSet) ?? new Map<number, number>();
    known.set(selectionSet, byRows);
    const before = byRows.get(rows);
    if (before !== undefined) return before;
    let cost = 0;
    for (const selection of selectionSet.selections) cost += ofSelection(selection, type, rows);
    byRows.set(rows, cost);
    return cost;
  }

  function ofSelection(
    selection: SelectionSetNode['selections'][number],
    type: GraphQLNamedType,
    rows: number,
  ): number {
    if (selection.kind === Kind.FIELD) return ofField(selection, type, rows);
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)!;
    const condition = fragment.typeCondition && schema.getType(fragment.typeCondition.name.value);
    return ofSelections(fragment.selectionSet, condition ?? type, rows);
  }

  function ofField(node: FieldNode, type: GraphQLNamedType, rows: number): number {
    const field = isObjectType(type) ? type.getFields()[node.name.value] : undefined;
    if (!field) return 1;
    const own = costs[field.name] ?? 1;
    if (!node.selectionSet) return own;
    const isPage = field.args.some(({ name }) => name === 'first');
    const inside = ofSelections(node.selectionSet, getNamedType(field.type), isPage ? pageSize(node) : 0);
    return own + (isPage ? pageCost : 0) + inside * (isList(field.type) ? rowsOf(field, rows) : 1);
  }

  function pageSize({ arguments: given = [] }: FieldNode): number {
    const sizes = given
      .filter(({ name }) => name.value === 'first' || name.value === 'last')
      .map(({ value }) => {
        if (value.kind === Kind.INT) return Number(value.value);
        return value.kind === Kind.VARIABLE ? ofVariable(value.name.value) : undefined;
      });
    // An invalid size is refused at execution; here it counts as the largest.
    return Math.max(
      ...sizes.map((size) => Math.min(Math.max(size ?? defaultSize, 0), largestSize)),
      sizes.length ? 0 : defaultSize,
    );
  }

  function ofVariable(name: string): number | undefined {
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (given === null) return undefined;
    if (given !== undefined) return typeof given === 'number' ? given : largestSize;
    const fallback = operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
    return fallback?.kind === Kind.INT ? Number(fallback.value) : undefined;
  }

  const root = schema.getRootType(operation.operation);
  return root ? ofSelections(operation.selectionSet, root, 0) : 0;
}

/** Only `edges` and `nodes` of a connection are as long as its page. */
function rowsOf({ name }: GraphQLField<unknown, unknown>, page: number): number {
  return name === 'edges' || name === 'nodes' ? page : assumedRows;
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(getNullableType(type));
}
