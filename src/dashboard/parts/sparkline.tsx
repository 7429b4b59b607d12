// The last hour of one endpoint in little: what was delivered above the line, what failed below.

import type { Spark } from '../documents/endpoints.ts';
import { counted } from '../formats.ts';

const height = 24;
const middle = 16;

export function Sparkline({ of }: { of: readonly Spark[] | undefined }) {
  if (of === undefined) return <span class="spark" />;
  const most = Math.max(1, ...of.map(({ delivered }) => delivered));
  const worst = Math.max(1, ...of.map(({ failed, retrying }) => failed + retrying));
  const [delivered, failed] = [sum(of, ({ delivered: one }) => one), sum(of, (one) => one.failed + one.retrying)];
  const says = `${counted(delivered, 'attempt')} delivered and ${count(failed)} failed in the last hour`;
  const step = 80 / Math.max(of.length, 1);
  return (
    <svg class="spark" viewBox={`0 0 80 ${height}`} role="img" aria-label={says} preserveAspectRatio="none">
      <title>{says}</title>
      <path class="axis" d={`M0 ${middle}H80`} />
      {of.map((one, index) => {
        const up = (one.delivered / most) * (middle - 1);
        const down = ((one.failed + one.retrying) / worst) * (height - middle - 1);
        const [x, width] = [index * step, step - 1];
        return [
          up > 0 ? <rect class="good" x={x} width={width} y={middle - up} height={up} /> : null,
          down > 0 ? <rect class="bad" x={x} width={width} y={middle + 1} height={down} /> : null,
        ];
      })}
    </svg>
  );
}

function sum(of: readonly Spark[], value: (one: Spark) => number): number {
  return of.reduce((total, one) => total + value(one), 0);
}

function count(value: number): string {
  return value === 0 ? 'none' : value.toLocaleString('en');
}
