// Loaded before all else by a process and by each of its threads: notes in a file which modules they load.

import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const file = process.env['NOTED_MODULES']!;

registerHooks({
  load(url, context, next) {
    appendFileSync(file, `${url}\n`);
    return next(url, context);
  },
});
