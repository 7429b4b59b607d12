// The one judge of order and loss: it knows only what is seen from outside, and says everything that must not be.

import { checkByCrashes } from './crashes.ts';
import { checkByHalts } from './halts.ts';
import { type History, lineOf } from './history.ts';
import { checkContent, checkLine } from './line.ts';
import { checkLog } from './log.ts';
import { checkRows, matchRows } from './records.ts';
import { longestWait } from './stall.ts';
import { type Verdict, blankVerdict, sayOf } from './verdict.ts';

/** O(n log n) in requests and rows. */
export function judge(history: History): Verdict {
  const verdict = blankVerdict();
  const { causes } = history;
  const log = new Map(history.events.map((event) => [event.id, event]));
  const requests = Map.groupBy(history.requests, lineOf);
  const attempts = Map.groupBy(history.attempts ?? [], lineOf);
  const halts = Map.groupBy('halts' in causes ? causes.halts : [], ({ sender }) => sender);
  const isRestored = 'halts' in causes && causes.halts.some(({ how }) => how === 'lost rows');
  checkLog(history, sayOf(verdict, 'the log'));
  const lines = new Set(history.lines.map(lineOf));
  for (const name of requests.keys()) {
    if (!lines.has(name)) sayOf(verdict, name)('phantom', 'there is no such endpoint');
  }

  for (const line of history.lines) {
    const name = lineOf(line);
    const say = sayOf(verdict, name);
    const sent = requests.get(name) ?? [];
    const all = attempts.get(name) ?? [];
    const skips = all.filter(({ isSkip }) => isSkip);
    const recorded = skips.length === 0 ? all : all.filter(({ isSkip }) => !isSkip);
    for (const request of sent) checkContent(request, log.get(request.eventId), say);
    checkLine(line, { sent, recorded, skips }, say);
    const matched = history.attempts && matchRows(sent, recorded);
    if (matched) checkRows(line, { sent, recorded, isRestored }, log, say);
    if ('crashes' in causes) checkByCrashes({ sent, recorded, matched }, causes.crashes, verdict, say);
    else checkByHalts({ sent, matched, isRestored }, halts, verdict, say);
    const stall = line.isSteady ? longestWait(line, sent, history) : null;
    if (stall && stall.ms > verdict.longestStall.ms) verdict.longestStall = { ...stall, endpoint: line.endpoint };
  }
  return verdict;
}
