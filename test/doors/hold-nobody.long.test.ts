import { expect, test } from 'vitest';
import { isHeld, measureAttacks, mostMore } from './hold-nobody.ts';

test('no attack holds the event loop, fills the memory, delays a delivery or costs a lease', async () => {
  const measured = await measureAttacks();
  const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const { loopMs, memoryMib, lateMs } = mostMore;
  const lines = measured.map((one) =>
    row([one.attack, ...[one.loopMs, one.memoryMib, one.lateMs].map((figure) => Math.max(0, Math.round(figure)))]),
  );
  console.log(
    [
      row(['attack', `event loop, ms (${loopMs})`, `memory, MiB (${memoryMib})`, `delivery, ms (${lateMs})`]),
      ...lines,
    ].join('\n'),
  );
  expect(measured.filter(isHeld)).toEqual([]);
}, 300_000);
