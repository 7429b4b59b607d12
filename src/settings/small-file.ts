// Reads a small file, and refuses what would block or fill the memory.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';

export type SmallFile = { bytes: Buffer } | { missing: true } | { problem: string };

/**
 * Reads all of a regular file (links are followed) of at most `maxBytes`, and of this `owner` if one is given.
 * Never throws: what is wrong comes back as a problem, the end of a sentence that begins with the file's name.
 */
export async function readSmallFile(
  path: string,
  maxBytes: number,
  { owner }: { owner?: number } = {},
): Promise<SmallFile> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK the open of a FIFO waits for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return { problem: `cannot be read (${code})` };
    const found = await lstat(path).catch(() => null);
    if (found === null) return { missing: true };
    // A file that is no link was created after the open failed.
    return found.isSymbolicLink()
      ? { problem: 'is a link to nothing' }
      : await readSmallFile(path, maxBytes, { owner });
  }
  try {
    const status = await file.stat();
    if (status.isDirectory()) return { problem: 'is a directory, not a file' };
    if (!status.isFile()) return { problem: 'is not a regular file' };
    if (owner !== undefined && status.uid !== owner) return { problem: 'belongs to another user' };
    const bytes = await readUpTo(file, maxBytes + 1);
    return bytes.length > maxBytes ? { problem: `is larger than ${inWords(maxBytes)}` } : { bytes };
  } catch (error) {
    return { problem: `cannot be read (${codeOf(error)})` };
  } finally {
    await file.close();
  }
}

/** The size of a file may be wrong (it grows, or lies in /proc), so it is read until its end or the limit. */
async function readUpTo(file: FileHandle, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < maxBytes) {
    const chunk = Buffer.alloc(Math.min(64 * 1024, maxBytes - length));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(chunks, length);
}

/** Only the code: the message repeats the path, which the sentence begins with. */
function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

function inWords(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024} MiB` : `${bytes / 1024} KiB`;
}
