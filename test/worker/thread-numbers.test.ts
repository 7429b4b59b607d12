import { expect, test } from 'vitest';
import { createThreadNumbers } from '../../src/worker/thread-numbers.ts';

test('a thread keeps its number when another one ends, whose number its successor gets', () => {
  const numbersOf = createThreadNumbers();
  const [first, second, third, fourth] = [{}, {}, {}, {}] as const;
  expect(numbersOf([first, second])).toEqual([0, 1]);
  expect(numbersOf([second])).toEqual([1]);
  expect(numbersOf([second, third])).toEqual([1, 0]);
  expect(numbersOf([third, fourth])).toEqual([0, 1]);
});
