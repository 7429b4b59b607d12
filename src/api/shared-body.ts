// Sends bytes that many answers have in common, piece by piece as they are read, and copies none of them.

const pieceBytes = 64 * 1024;

/** A body for one answer. The bytes must not change any more. */
export function sharedBody(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        controller.enqueue(bytes.subarray(at, (at += pieceBytes)));
        if (at >= bytes.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
