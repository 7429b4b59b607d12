// What an admin orders of a blocked line, and what may become of it.

/** A skip names the event at the line's head; a retry is about the line, whatever its head is. */
export type OrderWish = { kind: 'retry' } | { kind: 'skip'; eventId: string };

/** It is done, or why nothing was done. */
export type OrderOutcome = 'done' | 'paused' | 'not blocked' | 'not the head' | 'settled';

/** An order is carried out within this time, or never. */
export const orderMs = 5_000;

/** The `error_message` of the row that gives up a skipped event. */
export const skippedMessage = 'skipped: by an admin';
