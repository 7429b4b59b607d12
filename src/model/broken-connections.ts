// Gives a connection that broke in a transaction back to its pool, which would else be one connection short for ever.

type Client = { query(...args: unknown[]): unknown; release(broken: boolean): void };
type Pool = { on(event: 'connect', listener: (client: Client) => void): unknown };

/**
 * For `driverOptions.onPoolCreated`. Kysely (0.29) releases a transaction's connection after a commit or rollback that
 * went well, and never when `begin` or `rollback` fails, as both do on a connection that Postgres or the network
 * dropped: after as many losses as the pool has connections nothing could be asked any more, nor the pool be closed.
 */
export function releaseBrokenConnections(pool: Pool): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    client.query = (...args) => {
      const answer = query(...args);
      if (typeof args[0] === 'string' && /^(begin|start transaction.*|rollback)$/.test(args[0])) {
        Promise.resolve(answer).catch(() => client.release(true));
      }
      return answer;
    };
  });
}
