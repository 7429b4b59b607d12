// What runs in the process of a receiver that is a process of its own: it knows nothing of who sends, and keeps its journal in a file.

import { once } from 'node:events';
import { openJournalFile } from './journal-file.ts';
import { type JournalEntry, createJournal } from './journal.ts';
import { type Question, type ReceiverSettings, type Shown, distrusted } from './receiver-process.ts';
import { openJournaledReceiver } from './receiver.ts';
import type { Reply } from './reply.ts';

/** Receives in plain and over TLS until it is told to stop; ends with the process that started it. */
export async function runReceiver(replyTo: (entry: JournalEntry) => Reply | Promise<Reply>): Promise<void> {
  process.on('disconnect', () => process.exit(1));
  const [{ journalFile, secrets, certificates }] = (await once(process, 'message')) as [ReceiverSettings];
  const file = openJournalFile(journalFile);
  const journal = createJournal({ secrets, ended: file.write });
  /** Who waits for a request of a sender, which then stays unanswered. */
  const holds = new Map<string | null, (answer: null) => void>();
  let shown: Shown = 'right';

  function reply(entry: JournalEntry): Reply | Promise<Reply> {
    const held = holds.get(entry.sender);
    if (!held) return replyTo(entry);
    holds.delete(entry.sender);
    held(null);
    return 'never';
  }

  const http = await openJournaledReceiver({ journal, reply });
  const https = await openJournaledReceiver({
    journal,
    tls: certificates.right,
    reply(entry) {
      if (shown === 'wrong') entry.endpoint = distrusted;
      return reply(entry);
    },
  });

  function answerTo(question: Question, answer: (value: unknown) => void): void {
    if (question.ask === 'hold') return void holds.set(question.sender, answer);
    if (question.ask === 'let go') {
      holds.get(question.sender)?.(null);
      holds.delete(question.sender);
    }
    if (question.ask === 'show') {
      shown = question.which;
      https.show(certificates[shown]);
    }
    if (question.ask !== 'progress') return answer(null);
    const accepted = [...journal.accepted].map(([endpoint, ids]): [string, number] => [endpoint, ids.size]);
    answer({ requests: journal.requests(), accepted: Object.fromEntries(accepted) });
  }

  process.on('message', ({ number, question }: { number: number; question: Question }) => {
    answerTo(question, (answer) => process.send!({ number, answer }));
  });
  async function stop(): Promise<void> {
    await Promise.all([http, https].map((each) => each[Symbol.asyncDispose]()));
    await file.close();
    process.exit(0);
  }
  process.on('SIGTERM', () => void stop());
  process.send!({ http: http.port, https: https.port });
}
