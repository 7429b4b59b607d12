// Makes the text that every endpoint gets, once, when the event is recorded; and reads it back.

import { newId } from '../model/new-id.ts';

export type JsonObject = { [key: string]: unknown };

export type EventDraft = {
  type: string;
  data: JsonObject;
  /** What the event is about, a user's id for instance; events without one are one subject. */
  subject?: string | null;
  /** The only endpoint the event is for; absent or null: every endpoint that subscribed. */
  addressedTo?: string | null;
  /** The endpoint that it tells about, which does not get it. */
  notFor?: string | null;
};

export type NewWebhookEvent = ReturnType<typeof makeEvent>;

/** An event's row. */
export function makeEvent(draft: EventDraft, now: Date, id: string = newId()) {
  return {
    id,
    type: draft.type,
    subject: draft.subject ?? null,
    addressedTo: draft.addressedTo ?? null,
    notFor: draft.notFor ?? null,
    traceparent: null as string | null,
    payload: toPayload({ eventId: id, type: draft.type, timestamp: now, data: draft.data }),
    createdAt: now,
  };
}

export type Payload = { eventId: string; type: string; timestamp: Date; data: JsonObject };

/**
 * The body: `{"event_id","event_type","timestamp","data"}` in this order, the timestamp in UTC with milliseconds.
 * It is made once and stored as text, because no other store keeps a JSON text byte for byte.
 */
export function toPayload({ eventId, type, timestamp, data }: Payload): string {
  const head = `{"event_id":${JSON.stringify(eventId)},"event_type":${JSON.stringify(type)}`;
  return `${head},"timestamp":"${timestamp.toISOString()}","data":${dataText(data)}}`;
}

/** `data` as it stands in a body, byte for byte. */
export function dataIn(payload: string): string {
  return payload.slice(payload.indexOf(',"data":'));
}

const lonelySurrogate = /\\\\|\\ud[89a-f][0-9a-f]{2}/g;

/**
 * `data` as it stands in the body. Half a surrogate pair becomes U+FFFD, also in keys: JSON.stringify would escape
 * it, and parsers differ in whether they refuse the escape (RFC 8259, section 8.2), which would fail the event for good.
 */
export function dataText(data: JsonObject): string {
  const text = JSON.stringify(data);
  if (!text.includes('\\ud')) return text;
  const mended = text.replace(lonelySurrogate, (match) => (match === '\\\\' ? match : '\ufffd'));
  // Two broken keys may have become one, so that the text is what reading and writing it again would give.
  return JSON.stringify(JSON.parse(mended));
}

const keys = 'event_id,event_type,timestamp,data';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Reads a body that toPayload made; toPayload of the result is the same text. Throws on any other text. Checked by hand:
 * the delivery threads make events, too, and load no more than they need.
 */
export function fromPayload(text: string): Payload {
  const body: unknown = JSON.parse(text);
  if (!isJsonObject(body) || Object.keys(body).join() !== keys) throw notMade();
  const { event_id: eventId, event_type: type, timestamp, data } = body;
  if (typeof eventId !== 'string' || !uuid.test(eventId) || typeof type !== 'string' || type === '') throw notMade();
  if (typeof timestamp !== 'string' || !moment.test(timestamp) || !isJsonObject(data)) throw notMade();
  return { eventId, type, timestamp: new Date(timestamp), data };
}

function notMade(): Error {
  return new Error('this text is no body of an event');
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether Postgres can keep this text as it is: it refuses NUL, and UTF-8 has no half surrogate pairs. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
