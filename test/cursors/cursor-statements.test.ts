import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { ids, startWriter } from './driven-cursor-writer.ts';
import { startActor } from '../dispatch/made-up-actors.ts';

/** Each has a filter, and so a row, of about 100 kB. */
function largeActors(count: number) {
  const events = [`a.${'x'.repeat(100_000)}`];
  return Array.from({ length: count }, (_, index) => startActor(makeEndpoint({ id: `e${index}`, events })));
}

test('a statement holds about 1 MiB of rows; what is left follows in the next ones, and nobody waits behind', () => {
  const actors = largeActors(30);
  const writer = startWriter(...actors);
  const sizes: number[] = [];
  const written: string[] = [];
  let done = false;
  writer.writeNow(actors, () => (done = true));
  while (writer.writes.length > 0) {
    expect(done).toBe(false);
    const [{ rows, end }] = writer.writes as [(typeof writer.writes)[0]];
    sizes.push(Buffer.byteLength(JSON.stringify(rows)));
    written.push(...ids(rows));
    end();
  }
  expect(done).toBe(true);
  expect(written).toEqual(actors.map(({ endpoint }) => endpoint.id));
  expect(sizes).toHaveLength(3);
  expect(Math.max(...sizes)).toBeLessThan(1024 * 1024 + 110_000);
});

test('after a statement that failed the ones behind it are left to the next look', () => {
  const actors = largeActors(30);
  const writer = startWriter(...actors);
  writer.pass(1_000);
  writer.writes[0]!.end(null);
  expect(writer.writes).toEqual([]);
  writer.pass(1_000);
  expect(ids(writer.writes[0]!.rows)[0]).toBe('e0');
});
