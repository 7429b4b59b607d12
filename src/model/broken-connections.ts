// Takes connections that broke out of their pool, which would otherwise be one connection short for ever.

type Client = {
  query(...args: unknown[]): unknown;
  release(broken: boolean): void;
  /** Closes the connection at once when a query is under way, and keeps its pool from lending it again. */
  end(): Promise<void>;
  on(event: 'end', listener: () => void): unknown;
};
export type Pool = { on(event: 'connect', listener: (client: Client) => void): unknown };

/** A server that is there begins a transaction at once. */
const beginMs = 2_500;

/**
 * For `driverOptions.onPoolCreated`. Kysely (0.29) releases a transaction's connection after a commit or rollback that
 * went well, and never when `begin` or `rollback` fails, as both do on a connection that Postgres or the network
 * dropped: after as many losses as the pool has connections nothing could be asked any more, nor the pool be closed.
 *
 * And pg (8.23) keeps a connection whose query timed out, with the query still on it, so that all that follow time out
 * behind it. When the network forgot the connection that goes on until the system gives it up, after a quarter of an
 * hour. So such a connection is closed; and sooner if it is found out by a `begin`.
 */
export function releaseBrokenConnections(pool: Pool): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    const close = () => void client.end().catch(() => {});
    client.query = (...args) => {
      const answer = query(...args);
      const isControl = typeof args[0] === 'string' && /^(begin|start transaction.*|rollback)$/.test(args[0]);
      const timer = isControl ? setTimeout(close, beginMs) : undefined;
      Promise.resolve(answer).then(
        () => clearTimeout(timer),
        (error: unknown) => {
          clearTimeout(timer);
          if ((error as Error).message === 'Query read timeout') close();
          if (isControl) client.release(true);
        },
      );
      return answer;
    };
  });
}
