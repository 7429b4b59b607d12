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
  isListType,
  isObjectType,
} from 'graphql';
import { defaultSize, largestSize } from './connection.ts';
import { createIntrospectionCount } from './introspection-cost.ts';

/** Allows the largest page of events with all fields of all attempts but their headers, and not one more level of lists. */
export const mostCost = 100_000;

/** Rows of a list without pages, or of a shorter page: a usual number of an event's attempts or of endpoints. */
const assumedRows = 10;

/**
 * Of a field in an answer about the schema. Everybody may ask, and the answer is made without a pause: GraphiQL's has
 * 5,000 fields, and 11,000 are allowed.
 */
const introspectedCost = 9;

/** Fields that cost more: a count reads the whole list, a sign-in calls the provider's server. */
const costs: Record<string, number> = {
  totalCount: 5_000,
  startOAuth: 20_000,
  completeOAuth: 20_000,
  webhookStats: 1_000,
};

/** Lists that are as long as this argument says, up to this: what they are of is always there. */
const wholeLists: Record<string, { size: string; most: number }> = {
  outcomes: { size: 'first', most: largestSize },
  webhookStats: { size: 'buckets', most: 500 },
};

/** They are fields of every schema's Query, without being among its fields. */
const introspections: Record<string, GraphQLNamedType> = {
  __schema: getNamedType(SchemaMetaFieldDef.type),
  __type: getNamedType(TypeMetaFieldDef.type),
};

/** A page is a query of its own. */
const pageCost = 10;

export type Estimate = {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** As they were sent; only page sizes and names of types are read from them. */
  variables: Readonly<Record<string, unknown>>;
};

/** The query must be valid. Every use of a fragment and of a field counts, under whatever alias. */
export function costOf({ schema, operation, fragments, variables }: Estimate): number {
  const introspected = createIntrospectionCount({ schema, fragments, most: mostCost / introspectedCost });
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
    const about = introspections[node.name.value];
    if (about && node.selectionSet) return 1 + introspectedCost * ofIntrospection(node, node.selectionSet, about);
    const field = isObjectType(type) ? type.getFields()[node.name.value] : undefined;
    if (!field) return 1;
    const own = costs[field.name] ?? 1;
    if (!node.selectionSet) return own;
    const whole = wholeLists[field.name];
    const isPage = whole !== undefined || field.args.some(({ name }) => name === 'first');
    const page = isPage ? pageSize(node, field, whole ?? { size: 'first', most: largestSize }) : 0;
    const inside = ofSelections(node.selectionSet, getNamedType(field.type), page);
    return own + (isPage ? pageCost : 0) + inside * (isList(field.type) ? rowsOf(field) : 1);

    function rowsOf({ name }: GraphQLField<unknown, unknown>): number {
      // Only these two of a connection are as long as its page.
      if (name === 'edges' || name === 'nodes') return rows;
      if (whole !== undefined) return page;
      return isPage ? Math.min(page, assumedRows) : assumedRows;
    }
  }

  function ofIntrospection(node: FieldNode, selectionSet: SelectionSetNode, about: GraphQLNamedType): number {
    if (node.name.value === '__schema') return introspected(selectionSet, about, schema);
    const given = node.arguments?.find(({ name }) => name.value === 'name')?.value;
    const name = given?.kind === Kind.VARIABLE ? valueOf(given.name.value) : given && 'value' in given && given.value;
    const type = typeof name === 'string' ? schema.getType(name) : undefined;
    return type ? introspected(selectionSet, about, type) : 0;
  }

  function pageSize(
    { arguments: given = [] }: FieldNode,
    { args }: GraphQLField<unknown, unknown>,
    { size: argument, most }: { size: string; most: number },
  ): number {
    const fallback = args.find(({ name }) => name === argument)?.defaultValue;
    const usual = typeof fallback === 'number' ? fallback : defaultSize;
    const sizes = given
      .filter(({ name }) => name.value === argument || name.value === 'last')
      .map(({ value }) => {
        if (value.kind === Kind.INT) return Number(value.value);
        return value.kind === Kind.VARIABLE ? ofVariable(value.name.value, most) : undefined;
      });
    // An invalid size is refused at execution; here it counts as the largest.
    return Math.max(...sizes.map((size) => Math.min(Math.max(size ?? usual, 0), most)), sizes.length ? 0 : usual);
  }

  function ofVariable(name: string, most: number): number | undefined {
    const given = valueOf(name);
    if (given === null || given === undefined) return undefined;
    return typeof given === 'number' ? given : most;
  }

  /** Of a text or a whole number; undefined when the variable has neither a value nor a default. */
  function valueOf(name: string): unknown {
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (given !== undefined) return given;
    const fallback = operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
    if (fallback?.kind === Kind.INT) return Number(fallback.value);
    return fallback?.kind === Kind.STRING ? fallback.value : undefined;
  }

  const root = schema.getRootType(operation.operation);
  return root ? ofSelections(operation.selectionSet, root, 0) : 0;
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(getNullableType(type));
}
