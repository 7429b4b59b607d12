// A journal as lines in a file: one for each request that has ended.

import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { JournalEntry } from './journal.ts';

/** The file is complete once it is closed. */
export function openJournalFile(path: string) {
  const file = createWriteStream(path, { flags: 'a' });
  return {
    write: (entry: JournalEntry) => void file.write(`${JSON.stringify(entry)}\n`),
    async close(): Promise<void> {
      file.end();
      await once(file, 'finish');
    },
  };
}

/** All requests in the order in which they were whole. */
export async function readJournal(path: string): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const line of createInterface(createReadStream(path))) entries.push(JSON.parse(line) as JournalEntry);
  return entries.sort((one, other) => one.number - other.number);
}
