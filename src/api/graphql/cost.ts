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
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  getNamedType,
  getNullableType,
  isIntrospectionType,
  isListType,
  isObjectType,
} from 'graphql';
import { defaultSize, largestSize } from './connection.ts';

/** Allows the largest page of events with all fields of all attempts, but not one more level of lists. */
export const mostCost = 100_000;

/** Rows of a list without pages, or of a shorter page: a usual number of an event's attempts or of endpoints. */
const assumedRows = 10;

/** Rows of a list of the introspection: a usual number of a type's fields. The list of types counts as it is. */
const introspectedRows = 3;

/** Fields that cost more: a count reads the whole list, a sign-in calls the provider's server. */
const costs: Record<string, number> = {
  totalCount: 5_000,
  startOAuth: 20_000,
  completeOAuth: 20_000,
};

/** They are fields of every schema's Query, without being among its fields. */
const metaFields: Record<string, GraphQLField<unknown, unknown>> = {
  __schema: SchemaMetaFieldDef,
  __type: TypeMetaFieldDef,
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
  const typeCount = Object.keys(schema.getTypeMap()).length;
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
    const field = metaFields[node.name.value] ?? (isObjectType(type) ? type.getFields()[node.name.value] : undefined);
    if (!field) return 1;
    const own = costs[field.name] ?? 1;
    if (!node.selectionSet) return own;
    const isPage = field.args.some(({ name }) => name === 'first');
    const page = isPage ? pageSize(node) : 0;
    const inside = ofSelections(node.selectionSet, getNamedType(field.type), page);
    return own + (isPage ? pageCost : 0) + inside * (isList(field.type) ? rowsOf(field, type) : 1);

    function rowsOf({ name }: GraphQLField<unknown, unknown>, parent: GraphQLNamedType): number {
      if (isIntrospectionType(parent)) return name === 'types' ? typeCount : introspectedRows;
      // Only these two of a connection are as long as its page.
      if (name === 'edges' || name === 'nodes') return rows;
      return isPage ? Math.min(page, assumedRows) : assumedRows;
    }
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

function isList(type: GraphQLOutputType): boolean {
  return isListType(getNullableType(type));
}
