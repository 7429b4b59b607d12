// What an instance needs from outside: clocks, the database, the stream, the threads.

import type { Lease } from '../policy/shards.ts';
import type { Gap } from '../log/gaps.ts';
import type { StreamIdentity } from '../log/identity.ts';
import type { BarrierPorts } from './configuration-barrier.ts';
import type { Known } from './log-check.ts';
import type { LogReaderPorts } from '../log/reader.ts';
import type { RelaySteps } from '../outbox/relay-steps.ts';
import type { RemoteChangePorts } from './remote-changes.ts';
import type { StreamInForcePorts } from './stream-in-force.ts';
import type { CursorPorts, CursorRow } from '../cursors/cursor-writer.ts';
import type { HealthAnswer, HealthRow } from '../cursors/health-writer.ts';
import type { DispatcherPorts } from '../dispatch/dispatcher.ts';
import type { InstanceRow, LeaseRow } from './leases.ts';
import type { CursorLoaderPorts } from '../cursors/cursor-loader.ts';

/** What a heartbeat asks: to renew these leases, and which event has the known position. */
export type HeartbeatQuestion = {
  renew: readonly Lease[];
  known: Known | null;
  /** This instance wants no leases. */
  aside: boolean;
  /** Rows of instances that are long gone: they are deleted. */
  forget: readonly InstanceRow[];
};

export type HeartbeatAnswer = {
  /** The leases that were renewed, of those asked for. */
  renewed: readonly number[];
  leases: readonly LeaseRow[];
  instances: readonly InstanceRow[];
  head: number;
  /** Id of the log's last event; null when it was purged, or the log is empty. */
  headId: string | null;
  /** The log's present history. A database that lost the log's end begins a new one. */
  epoch: string;
  /** The stream of this epoch that is in force. */
  stream: Omit<StreamIdentity, 'epoch'>;
  gaps: readonly Gap[];
  /** Null when no event has the known position. */
  idAtKnown: string | null;
  /** Version of the configuration in force. */
  configuration: number;
  /** Control versions, by shard. */
  controls: readonly number[];
  /** Another one after each start of the database server. */
  server: string;
};

export type HeartbeatPorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Unix milliseconds. Only to notice that the machine was suspended. */
  wall(): number;
  schedule(delayMs: number, callback: () => void): () => void;
  /** Null: it failed, or nobody knows what it did. */
  heartbeat(question: HeartbeatQuestion, done: (answer: HeartbeatAnswer | null) => void): void;
  streamReady(): boolean;
  /** The stream's last event, or null in it when it has none. Null: the stream does not answer, or that does not verify. */
  readLast(done: (found: { last: Known | null } | null) => void): void;
};

export type ShardPorts = {
  now(): number;
  /** Takes those leases whose rows are still as they were seen. Null: nobody knows which. */
  take(rows: readonly LeaseRow[], done: (taken: readonly Lease[] | null) => void): void;
  /** Gives a lease back. If that fails, its time to live has to run out. */
  release(lease: Lease, done: () => void): void;
  /** Others have taken these leases. */
  lost(leases: readonly number[]): void;
  /** Tells the threads for how much longer to trust a lease; less than nothing: not at all. */
  trust(lease: Lease, forMs: number): void;
};

export type InstancePorts = HeartbeatPorts &
  ShardPorts &
  CursorLoaderPorts &
  RemoteChangePorts &
  Omit<CursorPorts, 'writeCursors'> &
  Omit<DispatcherPorts, 'trusts' | 'configuration' | 'loadCursor' | 'pastGap' | 'idle'> &
  Omit<LogReaderPorts, 'offer' | 'askHead'> &
  StreamInForcePorts & {
    /** Writes cursors as the writer's port does, on this database server only: another one may have lost what is settled. */
    writeCursors(
      rows: readonly CursorRow[],
      server: string | null,
      done: (refused: ReadonlySet<string> | null) => void,
    ): void;
    /** Stores changes of health, likewise. Null: it failed, or nobody knows what it did. */
    writeHealth(rows: readonly HealthRow[], server: string | null, done: (answer: HealthAnswer | null) => void): void;
    relay: Pick<RelaySteps, 'setMode'>;
    /** Begins a new history after `past`, unless `from` is not the present history any more. */
    beginEpoch(change: { from: string; past: number }, done: () => void): void;
    /** The log's head and history now, and the server that says so. Null: it failed. */
    readHead(done: (answer: Pick<HeartbeatAnswer, 'head' | 'epoch' | 'server'> | null) => void): void;
    configurations: BarrierPorts;
  };
