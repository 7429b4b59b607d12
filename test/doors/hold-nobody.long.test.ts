import { expect, test } from 'vitest';
import { type Figures, isHeld, measureAttacks, mostMore } from './hold-nobody.ts';

const row = (attack: string, { delayMs, busyMs, memoryMib, lateMs }: Figures) =>
  `| ${[attack, ...[delayMs, busyMs, memoryMib, lateMs].map((figure) => Math.max(0, Math.round(figure)))].join(' | ')} |`;

test('no attack holds the event loop, fills the memory, delays a delivery or costs a lease', async () => {
  console.log('| attack | event loop: delay, ms | work at a stretch, ms | memory, MiB | latest delivery, ms |');
  const { loopMs, ...others } = mostMore;
  console.log(row('at most, beyond what is at rest', { delayMs: loopMs, busyMs: loopMs, ...others }));
  const measured = await measureAttacks(({ attack, ...figures }) => console.log(row(attack, figures)));
  expect(measured.filter(isHeld)).toEqual([]);
}, 600_000);
