// Stands in for a service that is to be killed: holds the directory and its local servers, and says their URLs.

import { lockDirectory } from '../../src/embedded/lock.ts';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';

const [directory = '', ...servers] = process.argv.slice(2);
const log = { info: () => {}, warn: () => {} };

const lock = await lockDirectory(directory);
const urls: Record<string, string | undefined> = {};
if (servers.includes('postgres')) urls['postgres'] = (await openEmbeddedPostgres({ directory, log })).url;
if (servers.includes('valkey')) urls['valkey'] = (await openEmbeddedValkey({ directory, log }))?.url;
console.log(JSON.stringify(urls));
// Until it is killed.
setInterval(() => lock, 60_000);
