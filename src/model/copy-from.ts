// Lets a `copy … from stdin` travel like any other statement, in its caller's transaction: its data is its only value.
//
// MikroORM and Kysely lend no connection of pg, and a COPY needs one. But each statement passes `client.query`.

import { from } from 'pg-copy-streams';

type Client = { query(...args: unknown[]): unknown };
export type CopyingPool = { on(event: 'connect', listener: (client: Client) => void): unknown };

type Copied = { command: 'COPY'; rowCount: number; rows: [] };

/** For `driverOptions.onPoolCreated`, before whatever else looks at statements. */
export function copyFromStatements(pool: CopyingPool): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    client.query = (...args) => {
      const [text, values] = args as [unknown, [Buffer]?];
      if (typeof text !== 'string' || !/^copy .* from stdin\b/.test(text)) return query(...args);
      return copy(query, text, values![0]);
    };
  });
}

/** Rejects as a query does, with the error of Postgres or of the connection. */
function copy(query: Client['query'], text: string, data: Buffer): Promise<Copied> {
  return new Promise((resolve, reject) => {
    const stream = from(text);
    // On a connection that breaks it may come twice, and one that nobody hears would end the process.
    stream.on('error', reject);
    stream.on('finish', () => resolve({ command: 'COPY', rowCount: stream.rowCount, rows: [] }));
    query(stream);
    stream.end(data);
  });
}
