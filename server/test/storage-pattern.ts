/** Bytes that betray a mix of two writes: every block is derived from the same seed. */

import { createHash } from "node:crypto";

export function pattern(seed: string, size: number): Buffer {
  const block = createHash("sha256").update(seed).digest();
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += block.length) block.copy(bytes, at);
  return bytes;
}
