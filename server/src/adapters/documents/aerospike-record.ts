/**
 * Bins of a cached record in Aerospike. Every byte string begins with a format number, so that a later version of the gateway
 * can tell what an earlier one wrote; a record of an unknown format reads as absent.
 */

import type { CachedRecord, CacheMerge, CachePart, CacheWrite } from "../../ports/document-cache.js";
import type { AerospikeBins } from "./aerospike-client.js";

const FORMAT = 1;

/** As the client returns them: bytes as Buffer, whole numbers as numbers or, above 2^53, as BigInt. */
export type ReadBins = Readonly<Record<string, unknown>>;

/** The bins a read of these parts needs. */
export function binsOf(parts: readonly CachePart[]): string[] {
  return [
    "mark",
    "epoch",
    "until",
    ...(parts.includes("attributes") ? ["attrs"] : []),
    ...(parts.includes("vector") ? ["vec"] : []),
  ];
}

/** What a write stores; a part that is left out gets no bin, a vector of null removes its bin. */
export function binsFor(
  write: Pick<CacheWrite, "mark" | "epoch"> & Pick<CacheMerge, "attributes" | "vector">,
): AerospikeBins {
  return {
    mark: framed(write.mark),
    epoch: write.epoch,
    ...(write.attributes === undefined ? {} : { attrs: framed(write.attributes) }),
    ...(write.vector === undefined ? {} : { vec: write.vector === null ? null : framed(write.vector) }),
  };
}

/** Bytes a write carries, by which one that cannot fit is known beforehand. */
export function sizeOf(write: Pick<CacheWrite, "mark" | "epoch" | "attributes" | "vector">): number {
  return (
    write.mark.byteLength +
    Buffer.byteLength(write.epoch) +
    (write.attributes?.byteLength ?? 0) +
    (write.vector?.byteLength ?? 0)
  );
}

/** The record in these bins, undefined when it is over or of a format we do not know. */
export function recordOf(bins: ReadBins, generation: number, now: number): CachedRecord | undefined {
  const mark = unframed(bins.mark);
  const { epoch, until } = bins;
  if (mark === undefined || typeof epoch !== "string") return undefined;
  if (until !== undefined && until !== null && Number(until) <= now) return undefined;
  const attributes = unframed(bins.attrs);
  const vector = unframed(bins.vec);
  return {
    mark,
    epoch,
    version: String(generation),
    ...(attributes === undefined ? {} : { attributes }),
    ...(vector === undefined ? {} : { vector }),
  };
}

function framed(bytes: Uint8Array): Buffer {
  const framedBytes = Buffer.allocUnsafe(bytes.byteLength + 1);
  framedBytes[0] = FORMAT;
  framedBytes.set(bytes, 1);
  return framedBytes;
}

function unframed(value: unknown): Buffer | undefined {
  return Buffer.isBuffer(value) && value[0] === FORMAT ? value.subarray(1) : undefined;
}
