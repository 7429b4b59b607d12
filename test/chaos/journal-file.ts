// The journal of a chaos run's receiver, as it stands in its file and as it is read.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A request that is whole. */
export type WholeLine = {
  number: number;
  endpoint: string;
  eventId: string;
  position: number;
  /** Null without the header. */
  previous: number | null;
  attempt: number;
  bodySha: string;
  /** Whether the standardwebhooks package verifies it. */
  signed: boolean;
  /** The instance that sent it: every start of a process is another one. */
  sender: string;
  /** When it was whole, in monotonic milliseconds. */
  begunAt: number;
};

/** The end of a request: its answer, or null when its connection broke without one. */
export type EndLine = { ended: number; status: number | null; at: number };

export type ReceivedRequest = Omit<WholeLine, 'number'> & {
  status: number | null;
  /** Infinity for one that was open to the last. */
  endedAt: number;
};

/** All requests in the order in which they were whole. */
export async function readJournal(file: string): Promise<ReceivedRequest[]> {
  const requests: ReceivedRequest[] = [];
  const open = new Map<number, ReceivedRequest>();
  for await (const text of createInterface(createReadStream(file))) {
    const line = JSON.parse(text) as WholeLine | EndLine;
    if ('ended' in line) {
      Object.assign(open.get(line.ended)!, { status: line.status, endedAt: line.at });
      open.delete(line.ended);
      continue;
    }
    const { number, ...whole } = line;
    const request = { ...whole, status: null, endedAt: Infinity };
    requests.push(request);
    open.set(number, request);
  }
  return requests;
}
