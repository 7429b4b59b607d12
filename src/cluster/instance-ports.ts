// What an instance asks of the world: its clocks, the database, the hot tail, the threads.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import type { Gap } from '../log/gaps.ts';
import type { Known } from './log-check.ts';
import type { LogReaderPorts } from '../log/reader.ts';
import type { RelayMode } from '../outbox/relay-steps.ts';
import type { ControlPorts } from './remote-changes.ts';
import type { CursorPorts } from '../dispatch/cursor-writer.ts';
import type { DispatcherPorts } from '../dispatch/dispatcher.ts';
import type { InstanceRow, LeaseRow } from './leases.ts';
import type { LoadPorts } from '../dispatch/cursor-loader.ts';

/** What a beat asks: to renew these leases, and what stands at the place that is known. */
export type BeatQuestion = {
  renew: readonly Lease[];
  known: Known | null;
  /** This instance wants no leases. */
  aside: boolean;
  /** Rows of instances that are long gone. */
  forget: readonly InstanceRow[];
};

export type BeatAnswer = {
  /** Those of the leases asked for that are renewed. */
  renewed: readonly number[];
  leases: readonly LeaseRow[];
  instances: readonly InstanceRow[];
  head: number;
  /** Of the log's last event; null when it is gone, or was never there. */
  headId: string | null;
  /** The log's present history; a restored database begins a new one. */
  epoch: string;
  gaps: readonly Gap[];
  /** Null when there is no event at the place that is known. */
  idAtKnown: string | null;
  /** Version of the configuration in force. */
  configuration: number;
  /** Control versions, by shard. */
  controls: readonly number[];
  /** Another one after every start of the database server. */
  server: string;
};

export type BeatPorts = {
  /** Monotonic milliseconds. */
  now(): number;
  /** Unix milliseconds: only to notice that the machine stood still. */
  wall(): number;
  schedule(delayMs: number, callback: () => void): () => void;
  /** Null: it failed, or nobody knows what became of it. */
  beat(question: BeatQuestion, done: (answer: BeatAnswer | null) => void): void;
  hotReady(): boolean;
  /** The hot tail's last entry, or that it has none; null: it does not answer. */
  readLast(done: (found: { last: Known | null } | null) => void): void;
};

export type ShardPorts = {
  now(): number;
  /** Takes those leases that still stand as they were seen; null: nobody knows. */
  take(rows: readonly LeaseRow[], done: (taken: readonly Lease[] | null) => void): void;
  /** Gives a lease back, if it can. */
  release(lease: Lease, done: () => void): void;
  /** Tells the threads until when a lease may be relied on; a time that is over: not at all. */
  trust(lease: Lease, until: number): void;
  /** What the relay does from now on. */
  relay(mode: RelayMode): void;
};

export type InstancePorts = BeatPorts &
  ShardPorts &
  LoadPorts &
  ControlPorts &
  CursorPorts &
  Omit<DispatcherPorts, 'trusts' | 'reload' | 'pastGap' | 'idle'> &
  Omit<LogReaderPorts, 'take'> & {
    /** Appends to the hot tail what was numbered here. */
    append(entries: readonly LogEntry[]): void;
    /** Begins a new history after `past`, unless `from` is not the present one any more. */
    beginEpoch(change: { from: string; past: number }, done: () => void): void;
    /** Another history is in force: nothing that was read of the one before may be given any more. */
    useEpoch(epoch: string): void;
    /** Loads the configuration in force, which is this one or newer; it comes by `configure`. */
    reachConfiguration(version: number): void;
    /** Loads the one in force, whatever its version: a database that was put back may hold another one under the same number. */
    checkConfiguration(done: () => void): void;
  };
