// What the newest attempt in an endpoint's line, above its cursor, says of it, in SQL: after a failed one only its own retries
// follow.

import { isOfLine } from '../../cursors/predicates.ts';

/** Unix ms of a time. */
export const msOf = (time: string) => `extract(epoch from ${time})::float8 * 1000`;

/** When an attempt ended: one without an answer has its latency alone. */
export const endOf = (attempt: string) =>
  `coalesce(${attempt}.completed_at, ${attempt}.created_at + ${attempt}.latency_ms * interval '1 ms')`;

/**
 * The row, for a lateral join with cursor `c`. `offset 0` makes Postgres find the few rows above the cursor by their index
 * first, instead of walking back through the endpoint's history by id. Their order is not that of ids, which hold the times of
 * the instances that sent them. `within`: conditions on `d`.
 */
export const newestAttempt = (within = '') => `(
    select * from (
      select d.* from webhook_deliveries d where ${isOfLine} and d.position > c.position${within} offset 0
    ) above order by position desc, resumes desc, attempt_count desc limit 1
  )`;

/** When the attempt after the newest one, `last`, is due, in Unix ms. Null: it waits for none, or an earlier budget's. */
export const nextAttemptMs = `case when last.status = 'retrying' and last.resumes = c.resumes and c.pause_reason is null
              then ${msOf('last.recorded_at')} + last.wait_ms end`;
