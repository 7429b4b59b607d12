// The webhooks that a demo shows, as it prints them: a line for each attempt.

export type DemoLine = { endpoint: string; position: number | null; attempt: number; type: string; verdict: string };

export function linesOf(stdout: string): DemoLine[] {
  const form = /^[\d:.]{12} {2}(\w+) +(\d+|–) +(?:\d+|–) +(\d+) {2}([\w.]+) +(.+)$/gm;
  return [...stdout.matchAll(form)].map(([, endpoint = '', position, attempt, type = '', verdict = '']) => ({
    endpoint,
    position: position === '–' ? null : Number(position),
    attempt: Number(attempt),
    type,
    verdict,
  }));
}
