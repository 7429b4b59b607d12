// Measures a query as it is with its fragments put in their places, without putting them there.

import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

export type Expansion = {
  /** The longest way from one fragment to the next; Infinity when there is a circle. */
  fragmentLevels(): number;
  /** The deepest operation in levels of fields, without those of the introspection. Wants fragments without circles. */
  depth(): number;
  /**
   * The fields of all operations and fragments, each with what it spreads, and how many of them share their place and
   * name with an earlier one. Ends soon after `most` fields. Wants fragments without circles.
   */
  countFields(most: number): { fields: number; repeated: number };
};

/** The syntax need not fit any schema. What it recurses into must have few fragments, and few brackets open at once. */
export function createExpansion({ definitions }: DocumentNode): Expansion {
  const parts = definitions.filter(
    (one) => one.kind === Kind.OPERATION_DEFINITION || one.kind === Kind.FRAGMENT_DEFINITION,
  );
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const one of parts) if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one);

  function fragmentLevels(): number {
    const known = new Map<string, number>();
    function below(name: string): number {
      const fragment = fragments.get(name);
      if (!fragment) return 0;
      const before = known.get(name);
      if (before !== undefined) return before;
      // Whoever comes here again before its number is known goes in a circle.
      known.set(name, Infinity);
      const levels = 1 + Math.max(0, ...spreadIn(fragment.selectionSet).map(below));
      known.set(name, levels);
      return levels;
    }
    return Math.max(0, ...[...fragments.keys()].map(below));
  }

  function depth(): number {
    const known = new Map<SelectionSetNode, number>();
    function below(selectionSet: SelectionSetNode | undefined): number {
      if (!selectionSet) return 0;
      const before = known.get(selectionSet);
      if (before !== undefined) return before;
      const deepest = Math.max(0, ...selectionSet.selections.map(levels));
      known.set(selectionSet, deepest);
      return deepest;
    }
    function levels(selection: SelectionNode): number {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return below(fragments.get(selection.name.value)?.selectionSet);
      if (selection.kind === Kind.INLINE_FRAGMENT) return below(selection.selectionSet);
      return 1 + (selection.name.value.startsWith('__') ? 0 : below(selection.selectionSet));
    }
    return Math.max(0, ...parts.map((one) => (one.kind === Kind.OPERATION_DEFINITION ? below(one.selectionSet) : 0)));
  }

  function countFields(most: number): { fields: number; repeated: number } {
    let fields = 0;
    let repeated = 0;

    /** The fields of one place in the answer, from everything that is selected for it. */
    function count(selectionSets: readonly SelectionSetNode[]): void {
      const below = new Map<string, SelectionSetNode[]>();
      const spread = new Set<string>();
      const open = [...selectionSets];
      for (let next = open.pop(); next && fields <= most; next = open.pop()) {
        for (const selection of next.selections) {
          if (selection.kind === Kind.INLINE_FRAGMENT) open.push(selection.selectionSet);
          else if (selection.kind === Kind.FIELD) {
            fields += 1;
            const name = (selection.alias ?? selection.name).value;
            const inside = below.get(name);
            if (inside) repeated += 1;
            const all = inside ?? [];
            if (selection.selectionSet) all.push(selection.selectionSet);
            below.set(name, all);
          } else if (!spread.has(selection.name.value)) {
            spread.add(selection.name.value);
            const fragment = fragments.get(selection.name.value);
            if (fragment) open.push(fragment.selectionSet);
          }
        }
      }
      for (const inside of below.values()) if (inside.length > 0 && fields <= most) count(inside);
    }

    for (const { selectionSet } of parts) count([selectionSet]);
    return { fields, repeated };
  }

  return { fragmentLevels, depth, countFields };
}

/** The fragments that are spread anywhere in it, as often as they are. */
function spreadIn(root: SelectionSetNode): string[] {
  const names: string[] = [];
  const open = [root];
  for (let next = open.pop(); next; next = open.pop()) {
    for (const selection of next.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) names.push(selection.name.value);
      else if (selection.selectionSet) open.push(selection.selectionSet);
    }
  }
  return names;
}
