// One request as the receiver's log has it; both receivers write the same fields in the same order.

export type Received = {
  path: string;
  id: string;
  position: number;
  previous: number;
  timestamp: string;
  signature: string;
  bodyBytes: number;
  /** When it was answered, in unix milliseconds. */
  atMs: number;
};

/** As nginx names what it logs; the headers among them are what the Node receiver looks up. */
export const loggedVariables = [
  'uri',
  'http_webhook_id',
  'http_x_webhook_position',
  'http_x_webhook_previous',
  'http_webhook_timestamp',
  'http_webhook_signature',
  'content_length',
  'msec',
] as const;

/** One line a request, its fields separated by spaces; in the order in which the requests came. */
export function parseReceived(log: string): Received[] {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [path = '', id = '', position, previous, timestamp = '', signature = '', bytes, seconds] = line.split(' ');
      return {
        path,
        id,
        position: Number(position),
        previous: Number(previous),
        timestamp,
        signature,
        bodyBytes: Number(bytes),
        atMs: Number(seconds) * 1_000,
      };
    });
}
