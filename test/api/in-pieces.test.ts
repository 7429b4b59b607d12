import { setImmediate as nextTurn } from 'node:timers/promises';
import { GraphQLError, buildSchema, execute, parse } from 'graphql';
import { expect, test } from 'vitest';
import { answerInPieces } from '../../src/api/graphql/in-pieces.ts';

const schema = answerInPieces(buildSchemaOfRows());

/** `rows` answers at once and `later` does not; each row says in which turn of the event loop it was answered. */
function buildSchemaOfRows() {
  const made = buildSchema(`
    type Query { rows(count: Int!): [Row]! later(count: Int!): [Row!] nothing: [Row!] numbers: [Int!]! }
    type Row { at: Int! inside(count: Int!): [Row!]! }
  `);
  const rows = (count: number) => Array.from({ length: count }, (_, at) => ({ at }));
  const { rows: atOnce, later, nothing, numbers } = made.getQueryType()!.getFields();
  atOnce!.resolve = (_, { count }: { count: number }) => [...rows(count), null];
  later!.resolve = async (_, { count }: { count: number }) => await nextTurn(rows(count));
  nothing!.resolve = () => null;
  numbers!.resolve = () => [3, 2, 1];
  const { at, inside } = (made.getType('Row') as unknown as ReturnType<typeof made.getQueryType>)!.getFields();
  at!.resolve = (row: { at: number }, _args, turns: Turns) => (turns.count(), row.at);
  inside!.resolve = (_row, { count }: { count: number }) => rows(count);
  return made;
}

type Turns = { count(): void };

/** The answer, and how many rows each turn of the event loop answered. */
async function ask(query: string) {
  const perTurn = [0];
  let isOver = false;
  const watch = (async () => {
    while (!isOver) {
      await nextTurn();
      perTurn.push(0);
    }
  })();
  const turns: Turns = { count: () => (perTurn[perTurn.length - 1]! += 1) };
  const { data, errors } = await execute({ schema, document: parse(query), contextValue: turns });
  isOver = true;
  await watch;
  return { data: data as Record<string, { at: number; inside?: object[] }[] | null>, errors, perTurn };
}

const numbered = (count: number) => Array.from({ length: count }, (_, at) => ({ at }));

test.each(['rows', 'later'])(
  'of a long list (%s) each turn of the loop answers a few rows, in their order',
  async (list) => {
    const { data, errors, perTurn } = await ask(`{ ${list}(count: 2000) { at } }`);
    expect(errors).toBeUndefined();
    expect(data[list]!.slice(0, 2_000)).toEqual(numbered(2_000));
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(125);
  },
);

test('so does one of lists within lists, and several at once', async () => {
  const inner = '{ at inside(count: 40) { at } }';
  const [one, other] = await Promise.all([ask(`{ later(count: 100) ${inner} }`), ask(`{ rows(count: 100) ${inner} }`)]);
  for (const { data, perTurn } of [one, other]) {
    expect((data['later'] ?? data['rows']!)[99]).toEqual({ at: 99, inside: numbered(40) });
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(250);
  }
});

test('a short list, no list and a list of numbers are answered as they were', async () => {
  await nextTurn();
  const { data } = await ask('{ rows(count: 2) { at } nothing { at } numbers }');
  expect(data).toEqual({ rows: [{ at: 0 }, { at: 1 }, null], nothing: null, numbers: [3, 2, 1] });
});

test('a list whose resolver fails is its error', async () => {
  schema.getQueryType()!.getFields()['nothing']!.resolve = () => Promise.reject(new GraphQLError('not today'));
  expect((await ask('{ nothing { at } }')).errors?.[0]?.message).toBe('not today');
});
