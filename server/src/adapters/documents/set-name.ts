/**
 * Names of Aerospike sets. The server cuts them at 63 bytes without a word, and two names that share those would share their
 * records; so a name that does not fit, or holds anything but plain characters, is replaced by its hash. Hashed names begin
 * with `~`, which no plain one does.
 */

import { createHash } from "node:crypto";

const SET_BYTES_MAX = 63;
const HASH_CHARACTERS = 43;
/** Longest prefix that leaves room for a hashed name. */
export const SET_PREFIX_BYTES_MAX = SET_BYTES_MAX - HASH_CHARACTERS - 1;

/** @throws RangeError for a prefix that is too long or not plain */
export function checkSetPrefix(prefix: string): void {
  if (!/^[A-Za-z0-9_-]*$/.test(prefix) || prefix.length > SET_PREFIX_BYTES_MAX)
    throw new RangeError(
      `AEROSPIKE_SET_PREFIX "${prefix}" must hold at most ${SET_PREFIX_BYTES_MAX} of the characters A-Z a-z 0-9 _ -`,
    );
}

/** A different name for every set, of at most 63 bytes. */
export function aerospikeSetName(prefix: string, set: string): string {
  if (/^[A-Za-z0-9_.-]+$/.test(set) && prefix.length + set.length <= SET_BYTES_MAX) return `${prefix}${set}`;
  return `${prefix}~${createHash("sha256").update(set).digest("base64url")}`;
}

/** Sets of the cache's own, beside those of callers: their epochs, and the mark by which an emptied server is known. */
export const ownSets = {
  epochs: (prefix: string): string => `${prefix}~epochs`,
  instance: (prefix: string): string => `${prefix}~instance`,
};
