// Answers long lists in pieces, so that the event loop sees to everything else between two of them.

import { type GraphQLSchema, getNamedType, getNullableType, isListType, isObjectType } from 'graphql';

/** Rows of all requests that are answered before the loop goes on: a few milliseconds. */
const rowsAtOnce = 100;
const rowsOfPiece = 25;

type Turns = {
  /** Null: now. Otherwise resolves when the loop has gone on, and so many rows have their turn. */
  take(rows: number): Promise<void> | null;
};

function createTurns(): Turns {
  const waiting: { rows: number; begin: () => void }[] = [];
  let taken = 0;
  let isPlanned = false;

  function plan(): void {
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(next);
  }

  function next(): void {
    isPlanned = false;
    taken = 0;
    for (let piece = waiting.shift(); piece; piece = taken < rowsAtOnce ? waiting.shift() : undefined) {
      taken += piece.rows;
      piece.begin();
    }
    if (taken > 0) plan();
  }

  return {
    take(rows) {
      plan();
      if (waiting.length === 0 && taken + rows <= rowsAtOnce) {
        taken += rows;
        return null;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ rows, begin: resolve });
      return promise;
    },
  };
}

/** Changes every field of the schema that is a list of rows. Short lists are answered as they were. */
export function answerInPieces(schema: GraphQLSchema): GraphQLSchema {
  const turns = createTurns();
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      const { resolve } = field;
      if (!resolve || !isListType(getNullableType(field.type)) || !isObjectType(getNamedType(field.type))) continue;
      field.resolve = (...args): unknown => {
        const list: unknown = resolve(...args);
        return list instanceof Promise ? list.then((rows: unknown) => inPieces(rows, turns)) : inPieces(list, turns);
      };
    }
  }
  return schema;
}

function inPieces(list: unknown, turns: Turns): unknown {
  if (!Array.isArray(list)) return list;
  const rows: unknown[] = [];
  for (let from = 0; from < list.length; from += rowsOfPiece) {
    const piece = list.slice(from, from + rowsOfPiece) as unknown[];
    const turn = turns.take(piece.length);
    rows.push(...(turn === null ? piece : piece.map(async (row) => await turn.then(() => row))));
  }
  return rows;
}
