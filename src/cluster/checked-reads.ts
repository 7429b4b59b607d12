// Reads the log for an instance, and believes nothing that may come from another database, or another history. Pure.

import type { DispatcherPorts } from '../dispatch/dispatcher.ts';
import type { LogEntry } from '../log/entry.ts';
import { type Gap, pastGap } from '../log/gaps.ts';
import type { LogReaderPorts } from '../log/reader.ts';
import type { InstancePorts } from './instance-ports.ts';
import type { Known, LogCheck } from './log-check.ts';

/** What the instance knows of the log. Null: nothing yet. */
export type KnownLog = {
  epoch: string | null;
  /** The database server whose log this is. */
  server: string | null;
  gaps: readonly Gap[];
  /** The last heartbeat succeeded, and the log is the one that is known. */
  isVerified: boolean;
};

export function createCheckedReads({
  ports,
  log,
  logCheck,
  ask,
  numbered,
}: {
  ports: Pick<InstancePorts, 'readPage' | 'readReplays' | 'readHead'>;
  log: KnownLog;
  logCheck: Pick<LogCheck, 'learn'>;
  /** Asks for a heartbeat now. */
  ask(): void;
  /** Postgres has this event. */
  numbered(last: Known): void;
}): Pick<DispatcherPorts, 'readReplays'> & Pick<LogReaderPorts, 'askHead'> & Pick<LogReaderPorts, 'readPage'> {
  return {
    /** Until the log was compared, a page may come from another database. */
    readPage(after: number, done: (page: readonly LogEntry[]) => void): void {
      ports.readPage(after, (page) => {
        if (!log.isVerified) return done([]);
        // The page begins after a gap that is not known here: another history has begun. The next heartbeat tells of it.
        if (page.length > 0 && page[0]!.position !== pastGap(log.gaps, after) + 1) {
          ask();
          return done([]);
        }
        // An actor may read, and send, beyond the reader's position.
        logCheck.learn(page.at(-1));
        done(page);
      });
    },

    /** The stream is ahead of the last heartbeat, or the database has lost the log's end: then the next one has to say so. */
    askHead(found: Known, done: () => void): void {
      ports.readHead((answer) => {
        if (answer && log.isVerified && answer.epoch === log.epoch && answer.server === log.server) {
          if (answer.head >= found.position) numbered(found);
          else {
            logCheck.learn(found);
            ask();
          }
        }
        done();
      });
    },

    readReplays(endpointId, question, done) {
      ports.readReplays(endpointId, question, (replays) => {
        // As with a page: what may be sent is known from now on, though the reader is not there yet.
        if (log.isVerified) for (const { event } of replays ?? []) logCheck.learn(event);
        done(log.isVerified ? replays : null);
      });
    },
  };
}
