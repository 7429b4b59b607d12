// Hostile GraphQL requests: the worst that still fit the budget of who asks, and those that must be refused.

import { readCorpus } from '../support/corpus.ts';
import { type CorpusRequest, written } from './corpus-request.ts';

export type Asker = 'stranger' | 'user' | 'admin';

export type Hostile = {
  name: string;
  as: Asker;
  /** What is posted as JSON to /graphql. */
  body: { query: string; variables?: object; operationName?: string };
};

/** The documented limits, written down once more. */
const most = {
  stranger: {
    bytes: 65_536,
    characters: 8_192,
    tokens: 500,
    operations: 10,
    fragments: 10,
    levels: 5,
    fields: 500,
    repeated: 20,
  },
  user: {
    bytes: 131_072,
    characters: 32_768,
    tokens: 2_000,
    operations: 20,
    fragments: 30,
    levels: 10,
    fields: 1_000,
    repeated: 50,
  },
  admin: {
    bytes: 1_048_576,
    characters: 131_072,
    tokens: 5_000,
    operations: 50,
    fragments: 50,
    levels: 10,
    fields: 2_500,
    repeated: 100,
  },
} as const;

const askers = Object.keys(most) as Asker[];

const times = (count: number, make: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => make(at)).join(' ');
/** Whatever is said, and blanks up to so many characters. */
const padded = (text: string, to: number) => text + ' '.repeat(Math.max(0, to - text.length));

/** Each uses up one or two figures of a budget. None is refused for its size; most are refused for something else. */
export function worstThatFit(as: Asker): Hostile[] {
  const { bytes, characters, tokens, operations, fragments, levels, fields, repeated } = most[as];
  const chain = times(
    levels,
    (at) => `fragment C${at} on Query { ${at + 1 < levels ? `...C${at + 1}` : '__typename'} }`,
  );
  /** Fragments that may have the same two fields. */
  const shared = Math.min(fragments, repeated / 2 + 1);
  const body = (value: (room: number) => unknown) => ({ x: value(bytes - 200) });
  const listed = (item: string) => (room: number) =>
    Array.from({ length: Math.floor(room / (item.length + 1)) }, () => JSON.parse(item) as unknown);
  const queries: Record<string, string> = {
    'equal fields with selections': `{ ${'me { id } '.repeat(repeated / 2 + 1)} }`,
    'equal fields through fragments': `{ ${times(shared, (at) => `...F${at}`)} } ${times(shared, (at) => `fragment F${at} on Query { me { id } }`)}`,
    'equal fields with arguments': `{ ${'user(id: "a") { id } '.repeat(Math.floor(Math.min(repeated / 2, tokens / 10)))} }`,
    'unknown fields': `{ ${times(Math.min(fields, tokens - 2), (at) => `unknown${at}`)} }`,
    'fields that nearly exist': `{ ${times(Math.min(fields, tokens - 2, Math.floor(characters / 18)), (at) => `webhookEndpoin${at}`)} }`,
    'texts in a list': `{ webhookEvents(filter: { types: [${'"a.b" '.repeat(tokens - 19)}] }) { nodes { id } } }`,
    'objects in a list': `mutation { publishWebhookEvents(events: [${'{ type: "a.b" data: { a: 1 } } '.repeat(Math.floor((tokens - 15) / 12))}]) { id } }`,
    'wrong objects in a list': `mutation { publishWebhookEvents(events: [${'{ typ: "a.b" } '.repeat(Math.floor((tokens - 15) / 5))}]) { id } }`,
    'operations that share a chain': `${times(operations, (at) => `query Q${at} { ...C0 }`)} ${chain}`,
    'fragments that nobody uses': `{ __typename } ${times(fragments, (at) => `fragment F${at} on Query { me { id } }`)}`,
    'variables that nobody uses': `query (${times(100, (at) => `$v${at}: Int`)}) { __typename }`,
    'one variable a hundred times': `query (${'$v: Int '.repeat(100)}) { __typename }`,
    'one argument twenty times': `{ ${'me { id } '.repeat(1)} user(${'id: "a" '.repeat(20)}) { id } }`,
    'places named on many lines': `query (${'$v: Int\n'.repeat(100)}) { ${'\n'.repeat(tokens - 110)} ${'x '.repeat(10)} }`,
    'a block string': `{ user(id: """${padded('x', characters - 40)}""") { id } }`,
    'a block string of lines': `{ user(id: """${' \n'.repeat(tokens - 10)}""") { id } }`,
    'a text of escapes': `{ user(id: "${'\\u{41}'.repeat(Math.floor((characters - 40) / 6))}") { id } }`,
    'a number of many digits': `{ users(first: ${'1'.repeat(characters - 40)}) { totalCount } }`,
    'a comment': `{ __typename } # ${'x'.repeat(characters - 20)}`,
    'names that are long': `{ ${times(30, (at) => `${'a'.repeat(120)}${at}: __typename`)} }`,
    'lists fifty deep': `{ user(id: ${'['.repeat(48)}${']'.repeat(48)}) { id } }`,
    'objects within JSON': `mutation { publishWebhookEvents(events: [{ type: "a.b", data: ${'{ a: '.repeat(44)}1${'}'.repeat(44)} }]) { id } }`,
    'inline fragments fifty deep': `{ ${'... {'.repeat(49)} __typename ${'}'.repeat(49)} }`,
    directives: `{ __typename ${'@include(if: true) '.repeat(20)} }`,
    'aliases that fail': `{ ${times(30, (at) => `a${at}: users { nodes { id } }`)} }`,
    introspection: `{ __schema { ${times(14, (at) => `a${at}: types { name description fields { name description } }`)} } }`,
    'introspection of arguments': `{ __schema { ${times(8, (at) => `a${at}: types { fields { args { name description type { name } } } }`)} } }`,
    'introspection that goes round': `{ __schema { types { ${'fields { type { '.repeat(10)} name ${'} } '.repeat(10)} } } }`,
  };
  const variables: Record<string, object> = {
    'a variable of one text': body((room) => 'x'.repeat(room)),
    'a variable of quotation marks': body((room) => '"'.repeat(room / 2)),
    'a variable of lists': body(listed('[]')),
    'a variable of objects': body(listed('{"a":1}')),
    'a variable of many keys': body((room) =>
      Object.fromEntries(Array.from({ length: Math.floor(room / 12) }, (_, at) => [`k${at}`, 1])),
    ),
    'a variable 490 deep': body(() => JSON.parse(`${'['.repeat(490)}${']'.repeat(490)}`)),
  };
  return [
    ...Object.entries(queries).map(([name, query]) => ({
      name,
      as,
      body: name.startsWith('operations') ? { query, operationName: 'Q0' } : { query },
    })),
    ...Object.entries(variables).map(([name, given]) => ({
      name,
      as,
      body: {
        query: 'query ($x: [String!]) { webhookEvents(filter: { types: $x }) { nodes { id } } }',
        variables: given,
      },
    })),
    ...Object.entries(variables).map(([name, given]) => ({
      name: `${name}, for a type of JSON`,
      as,
      body: {
        query: 'mutation ($x: JSON!) { publishWebhookEvents(events: [{ type: "a.b", data: $x }]) { id } }',
        variables: given,
      },
    })),
  ];
}

/** Rows of the corpus that are a document in a body, asked by each in turn. */
export function corpusDocuments(): Hostile[] {
  const corpus = readCorpus('graphql-abuse') as { name: string; request: CorpusRequest }[];
  return corpus.flatMap(({ name, request: { query, variables, operationName } }) => {
    if (!query) return [];
    const body = {
      query: written(query),
      ...(variables === undefined ? {} : { variables: variables as object }),
      ...(operationName === undefined ? {} : { operationName }),
    };
    return askers.map((as) => ({ name, as, body }));
  });
}
