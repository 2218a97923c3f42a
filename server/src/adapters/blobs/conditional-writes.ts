/**
 * Proves that a blob store settles races, on which leases and everything durable rest. Some S3-compatible servers accept the
 * conditions and ignore them, and would let two owners in.
 */

import { type BlobPutOutcome, type BlobStore, BlobStoreError } from "../../ports/blob-store.js";

const RACERS = 4;

/**
 * Creates, races for, replaces and removes the key `probes/<id>`.
 * @param id unique to this probe
 * @throws BlobStoreError `misconfigured` naming what the store lacks, or whatever its calls reject with
 */
export async function probeConditionalWrites(store: BlobStore, id: string): Promise<void> {
  const key = `probes/${id}`;
  const body = (text: string): Uint8Array => new TextEncoder().encode(`${id} ${text}`);
  try {
    const created = await race((index) => store.putIfAbsent(key, body(`created ${index}`)));
    if (created.length === 0) throw lacking("a new key cannot be created with If-None-Match: *");
    if (created.length > 1) throw lacking("If-None-Match: * does not keep a key from being created twice");
    const [etag = ""] = created;
    const replaced = await race((index) => store.putIfMatch(key, body(`replaced ${index}`), etag));
    if (replaced.length === 0) throw lacking("an object cannot be replaced with If-Match and its ETag");
    if (replaced.length > 1) throw lacking("If-Match does not keep an object from being replaced twice");
    const stale = await store.putIfMatch(key, body("stale"), etag);
    if (stale.status === "stored") throw lacking("If-Match with an old ETag replaces an object");
  } finally {
    await store.delete(key).catch(() => undefined);
  }
}

/** The etags of the racers that won. */
async function race(put: (index: number) => Promise<BlobPutOutcome>): Promise<string[]> {
  const outcomes = await Promise.all(Array.from({ length: RACERS }, (_, index) => put(index)));
  return outcomes.flatMap((outcome) => (outcome.status === "stored" ? [outcome.etag] : []));
}

function lacking(what: string): BlobStoreError {
  return new BlobStoreError(
    "misconfigured",
    `the object store lacks conditional writes: ${what}; use AWS S3 or a server that honours If-Match and If-None-Match`,
  );
}
