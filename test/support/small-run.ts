// A test run in small, for its end by kill -9: it opens what tests open, says what that is, and waits.

import { openRunDirectory } from './run-directory.ts';
import { startService } from './service.ts';
import { openWorkplace } from './workplace.ts';

const { path, guardPid } = await openRunDirectory();
const place = await openWorkplace();
await place.configure([]);
const service = await startService(place.path, { DELIVERY_THREADS: '1' });
const [postgres, valkey] = await Promise.all([place.postgres(), place.valkey()]);
process.send!({ path, guardPid, pids: [service.pid, postgres.pid, valkey.pid] });
