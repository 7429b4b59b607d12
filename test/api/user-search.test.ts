import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { type Door, openDoor } from './door.ts';
import { storeUser } from './stored-rows.ts';

let database: TestDatabase;
let door: Door;
beforeAll(async () => {
  database = await openDatabase();
  door = await openDoor({ url: database.url });
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function found(text: string, at: Door = door): Promise<string[]> {
  const { data, errors } = await at.ask(
    'query ($s: String) { users(search: $s, first: 200) { nodes { displayName } } }',
    { s: text },
  );
  expect(errors).toBeUndefined();
  return (data.users.nodes as { displayName: string }[]).map(({ displayName }) => displayName).toReversed();
}

test('the search finds any part of an e-mail or display name in any case, and takes every character literally', async () => {
  await using other = await openDoor();
  const names = ['Ada Lovelace', 'ÉCOLE', 'école %_\\', 'İstanbul', 'straße', '(a|b)* [c]', 'naïve 🦜 name'];
  for (const displayName of names) await storeUser(other.orm, { email: 'x@example.com', displayName });
  const search = async (text: string) => {
    const { data, errors } = await other.ask(
      'query ($s: String) { users(search: $s, first: 200) { nodes { displayName } } }',
      { s: text },
    );
    expect(errors).toBeUndefined();
    return (data.users.nodes as { displayName: string }[]).map(({ displayName }) => displayName).toReversed();
  };
  expect(await search('LOVE')).toEqual(['Ada Lovelace']);
  expect(await search('école')).toEqual(['ÉCOLE', 'école %_\\']);
  expect(await search('%')).toEqual(['école %_\\']);
  expect(await search('_')).toEqual(['école %_\\']);
  expect(await search('\\')).toEqual(['école %_\\']);
  expect(await search('(A|B)*')).toEqual(['(a|b)* [c]']);
  expect(await search('X@EXAMPLE')).toEqual(names);
  expect(await search('🦜')).toEqual(['naïve 🦜 name']);
  expect(await search('')).toEqual(names);
  expect(await search('nobody')).toEqual([]);
  expect(await search('\0')).toEqual([]);

  const nameAndPart = fc
    .constantFrom(...names)
    .chain((name) => fc.tuple(fc.constant(name), fc.nat(name.length), fc.nat(name.length)))
    .map(([name, one, two]) => [name, name.slice(Math.min(one, two), Math.max(one, two))] as const)
    .filter(([, part]) => part.isWellFormed());
  await fc.assert(
    fc.asyncProperty(nameAndPart, async ([name, part]) => {
      expect(await search(part)).toContain(name);
    }),
    { numRuns: 40 },
  );
});

test('a search longer than any e-mail is refused', async () => {
  const { errors } = await door.ask('query ($s: String) { users(search: $s) { totalCount } }', { s: 'a'.repeat(321) });
  expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
});

const alike: [string, string][] = [
  ['Γιώργος', 'ΓΙΏΡΓΟΣ'],
  ['Straße', 'STRASSE'],
  ['STRASSE 7', 'straße'],
  ['GROẞ', 'gross'],
  ['ΌΣΟΣ', 'όσος'],
  ['André', 'ANDRE\u0301'],
  ['Ange\u0301lique', 'ANGÉLIQUE'],
  ['ﬁnn', 'FINN'],
  ['İpek', 'i\u0307PEK'],
  ['ᾳδης', 'ΑΙΔΗΣ'],
  ['Ⴀნა', 'ⴀნა'],
  ['\u212bngström', 'ÅNGSTRÖM'],
];

test.each(alike)('the name %s is found as %s', async (displayName, text) => {
  await storeUser(door.orm, { displayName });
  expect(await found(text)).toContain(displayName);
});

test('letters that differ in more than case stay apart, and no search reaches from the address into the name', async () => {
  await storeUser(door.orm, { email: 'kemal@ornek.example', displayName: 'ılgaz' });
  for (const text of ['ilgaz', 'ILGAZ', 'ornek.exampleılgaz', 'exampleAı', 'example\nı']) {
    expect(await found(text)).toEqual([]);
  }
  expect(await found('ORNEK.EXAMPLE')).toEqual(['ılgaz']);
});

test('a name that was changed is found by what it is now', async () => {
  const { id } = await storeUser(door.orm, { displayName: 'Weiß' });
  await door.ask(`mutation { updateUser(id: "${id}", input: { displayName: "Großmann" }) { id } }`);
  expect([await found('WEISS'), await found('GROSSMANN')]).toEqual([[], ['Großmann']]);
  await door.ask(`mutation { updateUser(id: "${id}", input: { email: "Jörg@example.com" }) { id } }`);
  expect(await found('JÖRG@')).toEqual(['Großmann']);
});

/** As the owner of the database; the rows of the last statement. */
async function execute({ url }: Pick<TestDatabase, 'url'>, ...statements: string[]): Promise<unknown[]> {
  await using orm = openOrm({ url, connections: 1, name: 'user-search-test' });
  let rows: unknown[] = [];
  for (const statement of statements) rows = await orm.em.fork().execute(statement);
  return rows;
}

/** A role that may make tables in this database, but no extension. */
async function openToPoorRole(owned: TestDatabase): Promise<TestDatabase> {
  const url = new URL(owned.url);
  const role = `poor_${url.pathname.slice(6)}`;
  await execute(owned, `create role ${role} login password 'poor'`, `create schema tidings authorization ${role}`);
  [url.username, url.password] = [role, 'poor'];
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await execute(owned, `drop owned by ${role}`, `drop role ${role}`);
    },
  };
}

const databases: [string, { locale?: 'C'; isPoor?: boolean; hidden?: boolean }, boolean][] = [
  ['trigrams know its letters', {}, true],
  ['the locale knows no letters', { locale: 'C' }, false],
  ['no extension is allowed', { isPoor: true }, false],
  ['the extension is somewhere else', { hidden: true }, true],
  ['the extension is where the role may not go', { isPoor: true, hidden: true }, false],
];

test.each(databases)(
  'a search finds the same in a database where %s',
  async (_, { locale, isPoor = false }, isIndexed) => {
    await using empty = await openDatabase({ empty: true, ...(locale && { locale }) });
    await using poor = isPoor ? await openToPoorRole(empty) : null;
    const { url } = poor ?? empty;
    await migrate({ url });
    const indexes = await execute(empty, `select 1 from pg_indexes where indexname = 'users_search_text'`);
    expect(indexes).toHaveLength(isIndexed ? 1 : 0);
    await using other = await openDoor({ url });
    for (const [displayName, text] of alike.slice(0, 3)) {
      await storeUser(other.orm, { displayName });
      expect(await found(text, other)).toContain(displayName);
    }
  },
);
