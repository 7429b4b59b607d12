// A plot over time, with a caption that says what it shows and a table of the same figures.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { utcSecond } from '../formats.ts';

export type Series = {
  name: string;
  /** A custom property of the page's style. */
  colour: string;
  /** Dashed lines tell series apart without their colours. */
  dash?: number[];
  values: readonly (number | null)[];
};

export type PlotProps = {
  caption: string;
  /** Beginnings of the buckets, as DateTimes. */
  times: readonly string[];
  series: readonly Series[];
  write(value: number): string;
};

export function Plot({ caption, times, series, write }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current === null) return undefined;
    return draw(place.current, { times, series, write });
  }, [times, series, write]);
  return (
    <figure>
      <figcaption>{caption}</figcaption>
      <p class="legend" aria-hidden="true">
        {series.map(({ name, colour, dash }) => (
          <span key={name}>
            <svg viewBox="0 0 24 4">
              <path d="M0 2h24" class={colour} stroke-width="3" stroke-dasharray={dash?.join(' ')} />
            </svg>
            {name}
          </span>
        ))}
      </p>
      <div class="plot" ref={place} role="img" aria-label={`${caption} The table below has the figures.`} />
      <details>
        <summary>Table</summary>
        <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">From (UTC)</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((at, index) => (
                <tr key={at}>
                  <th scope="row">{utcSecond(at).slice(0, 16)}</th>
                  {series.map(({ name, values }) => (
                    <td key={name} class="number">
                      {values[index] == null ? '–' : write(values[index])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

const height = 160;

/** Of ticks that are so many seconds apart: the day, or the minute. */
const timeBy = (step: number) => (seconds: number) => {
  const text = new Date(seconds * 1_000).toISOString();
  return step >= 86_400 ? text.slice(5, 10) : text.slice(11, 16);
};

/** Draws, and again when the colours or the width change; what it returns takes it away. */
function draw(place: HTMLElement, { times, series, write }: Omit<PlotProps, 'caption'>): () => void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let plot = make();

  function make(): uPlot {
    const style = getComputedStyle(place);
    const colourOf = (name: string) => style.getPropertyValue(`--${name}`);
    const axis = { stroke: colourOf('quiet'), grid: { stroke: colourOf('edge'), width: 1 }, ticks: { show: false } };
    return new uPlot(
      {
        width: place.clientWidth,
        height,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
        fmtDate: (template) => uPlot.fmtDate(template),
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 2)] } },
        axes: [
          { ...axis, values: (_plot, splits, _at, _space, step) => splits.map(timeBy(step)) },
          { ...axis, size: 60, values: (_plot, splits) => splits.map((value) => write(value)) },
        ],
        series: [
          {},
          ...series.map(({ name, colour, dash }) => ({
            label: name,
            stroke: colourOf(colour),
            width: 2,
            points: { show: false },
            ...(dash && { dash }),
          })),
        ],
      },
      [times.map((at) => Date.parse(at) / 1_000), ...series.map(({ values }) => [...values])],
      place,
    );
  }
  const again = () => {
    plot.destroy();
    plot = make();
  };
  const resized = new ResizeObserver(() => {
    if (place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height });
  });
  resized.observe(place);
  dark.addEventListener('change', again);
  return () => {
    resized.disconnect();
    dark.removeEventListener('change', again);
    plot.destroy();
  };
}
