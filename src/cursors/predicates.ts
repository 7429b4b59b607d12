// What SQL asks of cursors, deliveries and the log, each question in one place.
//
// In all of them `c` is a row of webhook_cursors, `d` of webhook_deliveries and `e` of webhook_log.

/** Delivery `d` belongs to the present generation of the line of cursor `c`. */
export const isOfLine = `d.endpoint_id = c.endpoint_id and d.generation = c.generation and d.origin = 'line'`;

/** Delivery `d` settled its event: it was delivered or given up. */
export const isSettled = `d.status in ('delivered', 'failed')`;

/**
 * Delivery `d` is of event `e` as it is in the log now. After the database lost the log's end, a row can be of an event
 * that is gone, and another event can have its position.
 */
export const isOfEvent = 'd.event_id = e.event_id and d.position = e.position';

/** The committed events without a position, as `e`, with `seq` and `created_at`. */
export const unnumbered = `(select o.seq, n.type, n.addressed_to, n.not_for, n.created_at from webhook_outbox o
  cross join lateral (select * from webhook_events where id = o.event_id offset 0) n) e`;

/** Event `e` is for every endpoint that asks for its type. */
export const isUnaddressed = 'e.addressed_to is null';

/** An event type matches one of these patterns, which are an array or a query, in the form of policy/routing.ts. */
export const matchesAny = (type: string, patterns: string) =>
  `(case when ${type} like 'webhook.%' then '!' else '.' end || ${type}) like any (${patterns})`;

/** Event `e` is for this endpoint, with these patterns. */
export const isFor = (endpointId: string, patterns: string) =>
  `${isUnaddressed} and e.not_for is distinct from ${endpointId} and ${matchesAny('e.type', patterns)}`;

/** The patterns of one endpoint, bound as a JSON array of text. */
export const boundPatterns = 'select json_array_elements_text(?::json)';

/** No event has this position: it lies in a gap of the log. */
export const isInGap = (position: string) =>
  `exists (select 1 from webhook_log_gaps g where ${position} between g.first and g.last)`;

/** `pastGap` of log/gaps.ts, of an expression. Gaps never touch each other in the table. */
export const pastGapSql = (position: string) =>
  `coalesce((select max(last) from webhook_log_gaps where ${position} between first - 1 and last), ${position})`;
