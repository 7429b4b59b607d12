// Keeps the headers of an answer that was no 2xx, as text that a database can store, without credentials.

import { isCredentialHeader, redacted } from '../policy/credential-header.ts';
import { withoutValues } from './hidden-values.ts';

const mostHeaders = 50;
/** Of all names and values that are kept, in UTF-8 and with what stands in place of credentials. */
const mostBytes = 8 * 1024;

/**
 * A JSON array of [name, value], in the order in which they came, names in lower case. The value that goes beyond the
 * limit is cut at a character, and what comes after it is left out. `raw`: names and values in turn, as undici gives them.
 * `secretValues` are not kept.
 */
export function keptHeaders(raw: readonly Buffer[], secretValues?: readonly string[]): string {
  const kept: [name: string, value: string][] = [];
  let left = mostBytes;
  for (let index = 0; index + 1 < raw.length && kept.length < mostHeaders; index += 2) {
    // A name is ASCII.
    const name = raw[index]!.toString('latin1').toLowerCase();
    const room = left - name.length;
    if (room < 0) break;
    const whole = isCredentialHeader(name) ? redacted : withoutValues(textOf(raw[index + 1]!), secretValues);
    const value = cut(whole, room);
    kept.push([name, value]);
    left = room - Buffer.byteLength(value);
    if (value !== whole) break;
  }
  // As JSON, it holds neither a NUL nor half of a surrogate pair, whatever came.
  return JSON.stringify(kept);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A value is bytes (RFC 9110, section 5.5): today UTF-8, of old ISO 8859-1, in which any bytes are text. */
function textOf(value: Buffer): string {
  // The client takes the blanks before a value away, and leaves those behind it.
  const end = value.findLastIndex((byte) => byte !== 0x20 && byte !== 0x09) + 1;
  const bytes = value.subarray(0, end);
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

/** The text's beginning: its whole characters that fit into so many bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}
