// Reads the text format of Prometheus, as far as /metrics uses it.

export type Figure = { name: string; labels: Record<string, string>; value: number };

/** The lines that are figures. Throws for a line that is neither a figure nor a comment. */
export function readFigures(text: string): Figure[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`no figure: ${line}`);
      const pairs = [...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label, given]) => [label!, given!] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

/** The one figure with this name that has all of these labels; undefined: there is none. Throws where there are several. */
export function figureOf(figures: readonly Figure[], name: string, labels: Record<string, string> = {}) {
  const found = figures.filter(
    (figure) =>
      figure.name === name && Object.entries(labels).every(([label, value]) => figure.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${name} has ${found.length} figures with these labels`);
  return found[0]?.value;
}

/** The names that a text declares, histograms as their three. */
export function declaredNames(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name, type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name! + part) : [name!],
    ),
  );
}
