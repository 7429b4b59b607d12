// Makes plain values of a YAML tree, and keeps the span of each in the text.

import { type Node, type Pair, type YAMLMap, isAlias, isMap, isScalar, isSeq } from 'yaml';

const mostAliases = 100;
/** They have a meaning in JavaScript itself. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

type Path = readonly PropertyKey[];

export type ValueProblem = { offset: number; path: Path; message: string };

/** Offsets into the text: the start and the end of a value or key. */
export type Span = { offset: number; end: number };

export type YamlValue = {
  /** Maps are objects, lists arrays; an alias and its target are one value. Null for an empty file. */
  value: unknown;
  problems: ValueProblem[];
  /** The span of the value at `path`, or of its key; for a missing value, of the nearest value around it. */
  locate(path: Path, at: 'value' | 'key'): Span;
};

/** Refuses keys that are no text or given twice, and aliases that are unknown, circular or too many. Never merges `<<`. */
export function toPlainValue(contents: Node | null): YamlValue {
  const problems: ValueProblem[] = [];
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  const values = new Map<Node, unknown>();
  const unfinished = new Set<Node>();
  const pairs = new Map<YAMLMap, Map<string, Pair<Node, Node | null>>>();
  let aliases = 0;

  const refuse = (node: Node, path: Path, message: string): null => {
    problems.push({ offset: startOf(node), path, message });
    return null;
  };

  function convert(node: Node | null, path: Path): unknown {
    if (node === null) return null;
    if (isAlias(node)) return follow(node, node.source, path);
    const { anchor } = node as { anchor?: string };
    if (anchor !== undefined) anchors.set(anchor, node);
    unfinished.add(node);
    const value = isMap<Node, Node | null>(node)
      ? convertMap(node, path)
      : isSeq<Node>(node)
        ? node.items.map((item, index) => convert(item, [...path, index]))
        : isScalar(node)
          ? node.value
          : null;
    unfinished.delete(node);
    if (anchor !== undefined) values.set(node, value);
    return value;
  }

  function convertMap(map: YAMLMap<Node, Node | null>, path: Path): Record<string, unknown> {
    const byKey = new Map<string, Pair<Node, Node | null>>();
    pairs.set(map, byKey);
    const entries: [string, unknown][] = [];
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof key !== 'string') {
        refuse(pair.key, path, 'a key must be text; put it in quotes');
      } else if (forbiddenKeys.has(key)) {
        refuse(pair.key, [...path, key], 'a key of this name is not allowed');
      } else if (byKey.has(key)) {
        refuse(pair.key, [...path, key], 'the key is given twice');
      } else {
        byKey.set(key, pair);
        entries.push([key, convert(pair.value, [...path, key])]);
      }
    }
    return Object.fromEntries(entries);
  }

  function follow(alias: Node, name: string, path: Path): unknown {
    aliases += 1;
    if (aliases === mostAliases + 1) return refuse(alias, path, `more than ${mostAliases} aliases`);
    if (aliases > mostAliases) return null;
    const target = anchors.get(name);
    if (target === undefined)
      return refuse(alias, path, 'there is no anchor of this name above; put a text with * in quotes');
    if (unfinished.has(target)) return refuse(alias, path, 'the alias is inside of what it repeats');
    targets.set(alias, target);
    return values.get(target);
  }

  function locate(path: Path, at: 'value' | 'key'): Span {
    let node = contents;
    let span = contents === null ? { offset: 0, end: 0 } : spanOf(contents);
    for (const [index, key] of path.entries()) {
      const around: Node | undefined = node === null ? undefined : (targets.get(node) ?? node);
      const pair: Pair<Node, Node | null> | undefined = isMap(around) ? pairs.get(around)?.get(String(key)) : undefined;
      const next = pair === undefined ? itemOf(around, key) : pair.value;
      if (next === undefined) return span;
      const last = index === path.length - 1;
      span = spanOf(last && at === 'key' && pair !== undefined ? pair.key : (next ?? pair?.key ?? contents));
      if (last && pair !== undefined) span.end = Math.max(span.end, endOf(next));
      node = next;
    }
    return span;
  }

  return { value: convert(contents, []), problems, locate };
}

function itemOf(node: Node | undefined, key: PropertyKey): Node | undefined {
  return isSeq<Node>(node) && typeof key === 'number' ? node.items[key] : undefined;
}

function spanOf(node: Node | null): Span {
  return { offset: startOf(node), end: endOf(node) };
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function endOf(node: Node | null): number {
  return node?.range?.[1] ?? 0;
}
