// Looks at a page as axe-core does: what would keep somebody from using it.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

type Violation = { id: string; impact: string; nodes: { html: string; failureSummary?: string }[] };

declare const axe: { run(options: object): Promise<{ violations: Violation[] }> };

/** One line for each place of a serious or critical violation; `rules` looks for these alone. */
export async function seriousIn(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) {
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  }
  const violations = await page.evaluate(
    async (only) => (await axe.run({ resultTypes: ['violations'], ...(only && { runOnly: only }) })).violations,
    rules,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
}
