// Keeps the beginning of a response's body as text that a database can store.

const keptBytes = 1024;
/** Read and dropped after what is kept, so that the connection can be used again. */
const drainedBytes = 64 * 1024;

export type ResponseBody = {
  /** Takes the next bytes; false once the body is too long to read to its end. */
  take(chunk: Buffer): boolean;
  /** The first 1 KiB: UTF-8 with replacement, without NUL, cut at a character; null when nothing came. */
  text(): string | null;
};

export function createResponseBody(): ResponseBody {
  let kept: Buffer | undefined;
  let length = 0;
  return {
    take(chunk) {
      if (length < keptBytes) {
        const part = chunk.subarray(0, keptBytes - length);
        kept = kept ? Buffer.concat([kept, part]) : part;
      }
      length += chunk.length;
      return length <= keptBytes + drainedBytes;
    },
    text() {
      if (!kept) return null;
      const whole = length > kept.length ? kept.subarray(0, endOfLastCharacter(kept)) : kept;
      return whole.toString('utf8').replaceAll('\0', '');
    },
  };
}

/** The length of the bytes without a last character that was cut in two. */
function endOfLastCharacter(bytes: Buffer): number {
  for (let back = 1; back <= 3; back += 1) {
    const byte = bytes[bytes.length - back];
    if (byte === undefined) break;
    if (byte < 0x80) break;
    if (byte >= 0xc0) {
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return size > back ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}
