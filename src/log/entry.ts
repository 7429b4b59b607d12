// One entry of the event log, as its readers see it, wherever it was read from.

export type LogEntry = {
  /** Place in the log, from 1 without gaps but those of log/gaps.ts. */
  position: number;
  id: string;
  type: string;
  /** The only endpoint it is for, or null for all that subscribed. */
  addressedTo: string | null;
  /** Version of the configuration that was in force when it got its position: it is matched by none that is older. */
  configuration: number;
  /** The body to deliver, byte for byte. */
  payload: string;
};
