// Does long work in pieces, so that the event loop comes to other work in between.

/** A piece takes a few milliseconds. The last event may go beyond the bytes. */
const most = { events: 100, bytes: 64 * 1024 };

/** Calls `work` with consecutive parts of the list, one a turn of the event loop, and gives all that it gave. */
export async function inPieces<Item, Result>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  work: (piece: readonly Item[]) => readonly Result[] | Promise<readonly Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  let piece: Item[] = [];
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    piece.push(item);
    bytes += sizeOf(item);
    const isLast = index === items.length - 1;
    if (!isLast && piece.length < most.events && bytes < most.bytes) continue;
    results.push(...(await work(piece)));
    if (!isLast) await new Promise((resolve) => setImmediate(resolve));
    [piece, bytes] = [[], 0];
  }
  return results;
}
