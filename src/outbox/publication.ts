// What may be published, and the sentence that says so when it may not.

import { Refusal } from '../policy/refusal.ts';
import { dataText, isJsonObject, isStorable, type JsonObject } from './payload.ts';

export type Publication = {
  type: string;
  data: JsonObject;
  subject?: string | null;
  idempotencyKey?: string | null;
};

const mostAtOnce = 1000;
const typePattern = /^[a-z0-9_]+(\.[a-z0-9_]+)+$/;
const mostTypeCharacters = 128;
const mostDataBytes = 256 * 1024;
/** Some receivers' parsers stop at 128 levels, of which the body around `data` is one. */
const deepestData = 100;
/** Both are indexed, and Postgres refuses index entries above 2704 bytes. */
const mostSubjectCharacters = 512;
const mostKeyCharacters = 255;

/** Throws Refusal BAD_USER_INPUT that names the index in the list, counted from 0, and the field. */
export function checkPublications(publications: readonly Publication[]): void {
  if (publications.length > mostAtOnce) {
    const message = `events: ${publications.length} at once are more than ${mostAtOnce}.`;
    throw new Refusal('BAD_USER_INPUT', message, 'events');
  }
  publications.forEach(checkPublication);
}

function checkPublication({ type, data, subject, idempotencyKey }: Publication, index: number): void {
  const refuse = (field: string, sentence: string): never => {
    const argument = `events.${index}.${field}`;
    throw new Refusal('BAD_USER_INPUT', `${argument}: ${sentence}.`, argument);
  };
  if (type.length > mostTypeCharacters) refuse('type', `is longer than ${mostTypeCharacters} characters`);
  if (!typePattern.test(type)) refuse('type', 'must be words of a-z, 0-9 and _ joined by dots, as in order.paid');
  if (/^(user|webhook)\./.test(type)) refuse('type', 'types that begin with user. or webhook. are the system’s own');
  if (!isJsonObject(data)) refuse('data', 'must be an object');
  if (!isWithinDepth(data, deepestData)) refuse('data', `is nested more than ${deepestData} levels deep`);
  if (Buffer.byteLength(dataText(data)) > mostDataBytes) refuse('data', 'is larger than 256 KiB');
  if (subject && subject.length > mostSubjectCharacters) {
    refuse('subject', `is longer than ${mostSubjectCharacters} characters`);
  }
  if (idempotencyKey === '') refuse('idempotencyKey', 'is empty');
  if (idempotencyKey && idempotencyKey.length > mostKeyCharacters) {
    refuse('idempotencyKey', `is longer than ${mostKeyCharacters} characters`);
  }
  for (const [field, text] of Object.entries({ subject, idempotencyKey })) {
    if (text && !isStorable(text)) refuse(field, 'holds a NUL or half of a surrogate pair, which cannot be stored');
  }
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithinDepth(inner, levels - 1));
}
