// Tells the operator when Postgres stops answering an instance, and when it answers again.

import type { Logger } from '../telemetry/logger.ts';

/** Logs once that Postgres does not answer, and once that it does again. */
export function createServerWatch(logger: Pick<Logger, 'info' | 'warn'>) {
  let away = false;
  return {
    answered<T>(done: (value: T | null) => void): (value: T | null) => void {
      return (value) => {
        if (value === null && !away) logger.warn('Postgres does not answer; nothing is sent until it does');
        if (value !== null && away) logger.info('Postgres answers again');
        away = value === null;
        done(value);
      };
    },
  };
}
