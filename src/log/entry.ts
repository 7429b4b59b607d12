// One entry of the event log, as its readers see it, from the stream or from the table.

export type LogEntry = {
  /** From 1, without gaps but those of log/gaps.ts. */
  position: number;
  id: string;
  type: string;
  /** What it is about, or null. */
  subject: string | null;
  /** The only endpoint it is for, or null for all that subscribed. */
  addressedTo: string | null;
  /** The endpoint that it tells about, which does not get it; null when it tells about none. */
  notFor: string | null;
  /** Version of the configuration that was in force when it got its position. No older version may match it. */
  configuration: number;
  /** The body to deliver, byte for byte. */
  payload: string;
  /** W3C trace context that it was recorded in, or null. */
  traceparent: string | null;
};
