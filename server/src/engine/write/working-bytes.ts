/**
 * What working on a write takes of the heap beside its body and what it leaves, as an estimate from above: every document
 * is held in several forms before the first one is stored.
 */
import type { WriteRequest } from "./request.js";

/** Measured on Node 20 with a million documents of one attribute. */
const DOCUMENT_BYTES = 500;
const ATTRIBUTE_BYTES = 120;

export function workingBytes({ upserts, patches, deletes }: WriteRequest): number {
  let bytes = (deletes?.length ?? 0) * DOCUMENT_BYTES;
  for (const documents of [upserts, patches]) {
    for (const { attributes } of documents ?? [])
      bytes += DOCUMENT_BYTES + attributes.length * ATTRIBUTE_BYTES;
  }
  return bytes;
}
