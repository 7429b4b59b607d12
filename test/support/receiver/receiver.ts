// The receiver of tests, on a real socket: with a reply for each request, with a journal of them, or with a script for its sockets.

import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { Journal, JournalEntry } from './journal.ts';
import { type Listening, listen } from './listen.ts';
import type { RawRequest } from './raw-requests.ts';
import { type Received, type ReplyingServerParts, createReplyingServer } from './replying-server.ts';
import type { Reply } from './reply.ts';
import { type Script, createScriptedServer } from './script.ts';

type Common = Listening & { url: string };

export type Receiver = Common & {
  received: Received[];
};

export type JournaledReceiver = Common & {
  /** Shows another certificate from now on, on connections that all are new. */
  show(certificate: SecureContextOptions): void;
};

export type ScriptedReceiver = Common & {
  received: RawRequest[];
  /** Resolves once the script has run to its end. */
  played: Promise<void>;
};

export type ReplyOptions = Pick<ReplyingServerParts, 'tls' | 'mayRead'> & {
  /** By default an empty 200; `index` counts requests from 0. */
  reply?: (request: Received, index: number) => Reply | Promise<Reply>;
};

export type JournalOptions = {
  tls?: TlsOptions;
  /** Takes down every request, here and at its other receivers. */
  journal: Journal;
  reply: (entry: JournalEntry, request: Received) => Reply | Promise<Reply>;
};

export type ScriptOptions = { tls?: SecureContextOptions; script: Script };

/** Answers each request with the reply made for it. */
export async function openReceiver({ reply = () => ({}), tls, mayRead }: ReplyOptions = {}): Promise<Receiver> {
  const received: Received[] = [];
  const { server } = createReplyingServer({
    tls,
    mayRead,
    reply: (request) => reply(request, received.push(request) - 1),
  });
  return { ...placed(await listen(server), tls), received };
}

/** Answers each request, once it is in the journal, with the reply made for it. */
export async function openJournaledReceiver({ journal, reply, tls }: JournalOptions): Promise<JournaledReceiver> {
  const { server, setCertificate } = createReplyingServer({
    tls,
    reply: (request) => reply(journal.begin(request), request),
    ended: journal.end,
  });
  const listening = placed(await listen(server), tls);
  return {
    ...listening,
    show(certificate) {
      setCertificate(certificate);
      listening.closeConnections();
    },
  };
}

/** Does with its raw sockets what the script says. */
export async function openScriptedReceiver({ script, tls }: ScriptOptions): Promise<ScriptedReceiver> {
  const { server, received, played, listenAgain } = createScriptedServer(script, tls);
  const listening = placed(await listen(server), tls);
  return {
    ...listening,
    received,
    played,
    async allClosed() {
      listenAgain();
      await listening.allClosed();
    },
  };
}

function placed(listening: Listening, tls: unknown): Common {
  return { ...listening, url: `${tls ? 'https' : 'http'}://127.0.0.1:${listening.port}/hook` };
}
