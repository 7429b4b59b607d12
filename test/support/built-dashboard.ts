// Builds the dashboard where it is older than its source, as set-up does.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export async function buildDashboard(): Promise<void> {
  await promisify(execFile)(fileURLToPath(new URL('../../bin/build-dashboard', import.meta.url)));
}
