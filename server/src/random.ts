/** The only source of randomness for ids. Code takes it as a parameter so that a test can choose. */

import { randomFillSync } from "node:crypto";

/** Filling a pool at once costs a twentieth of asking the system for every id. */
const poolBytes = 8_192;

/** @returns cryptographically random bytes in lower-case hexadecimal; at most 1,024 bytes a call */
export function createRandomHex(): (bytes: number) => string {
  const pool = Buffer.alloc(poolBytes);
  let used = poolBytes;
  return (bytes) => {
    if (used + bytes > poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    used += bytes;
    return pool.toString("hex", used - bytes, used);
  };
}
