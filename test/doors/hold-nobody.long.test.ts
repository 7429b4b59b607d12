import { expect, test } from 'vitest';
import { type Figures, isHeld, measureAttacks, mostMore } from './hold-nobody.ts';

const row = (attack: string, { loopMs, memoryMib, lateMs }: Figures) =>
  `| ${[attack, ...[loopMs, memoryMib, lateMs].map((figure) => Math.max(0, Math.round(figure)))].join(' | ')} |`;

test('no attack holds the event loop, fills the memory, delays a delivery or costs a lease', async () => {
  console.log('| attack | event loop, ms | memory, MiB | latest delivery, ms |');
  console.log(row('at most, beyond what is at rest', mostMore));
  const measured = await measureAttacks(({ attack, ...figures }) => console.log(row(attack, figures)));
  expect(measured.filter(isHeld)).toEqual([]);
}, 600_000);
