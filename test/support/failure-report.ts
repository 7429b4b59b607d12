// Says what the service logged when a test of it fails.

import { onTestFailed } from 'vitest';
import type { Stage } from './stage.ts';

const lastLines = 60;

/** Call it first in a test: what the running service said last is printed if the test fails. */
export function reportOnFailure(stage: Stage): void {
  onTestFailed(async () => {
    const { lines, stderr } = stage.service();
    const answers = Map.groupBy(stage.receiver.journal, ({ endpoint, status }) => `${endpoint}: ${status ?? 'none'}`);
    const [stored] = await stage
      .query(
        `select (select count(*) from webhook_events) as events, (select position from webhook_log_head) as head,
                (select count(*) from webhook_deliveries) as rows`,
      )
      .catch((error: unknown) => [String(error)]);
    console.log(
      lines
        .slice(-lastLines)
        .map((line) => JSON.stringify(line))
        .join('\n'),
      stderr(),
      stored,
      Object.fromEntries([...answers].map(([name, entries]) => [name, entries.length])),
    );
  });
}
