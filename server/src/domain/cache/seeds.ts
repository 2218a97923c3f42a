/** `nearest_to_id`: the point in the middle of documents' vectors, from the cache where it has them. */

import { AppError } from "../../errors.js";
import { UpstreamRefused } from "../forwarding/relay.js";
import type { SeedResolver } from "../queries/seed-resolver.js";
import type { CachedReads, ReadPart } from "./cached-reads.js";
import { type StoredVector, vectorNumbers } from "./stored-vector.js";

const numbersOf = (vector: StoredVector | undefined): Float32Array | undefined =>
  vector && vectorNumbers(vector);

const vectorPart: ReadPart<Float32Array> = {
  part: "vector",
  cached: ({ vector }) => numbersOf(vector),
  read: ({ vector }) => numbersOf(vector),
};

export function createSeedResolver({ reads }: { reads: CachedReads }): SeedResolver {
  return {
    async resolveSeeds(context, namespace, ids) {
      const found = await reads.read(context, namespace, ids, vectorPart);
      if (found.kind === "refused") throw new UpstreamRefused(found.relay);
      const missing = new Set<string>();
      const vectors: Float32Array[] = [];
      for (const id of ids) {
        const vector = found.rows.get(found.canonical(id) ?? id);
        if (vector === undefined) missing.add(id);
        else vectors.push(vector);
      }
      if (missing.size > 0) {
        const list = [...missing].map((id) => `'${id}'`).join(", ");
        throw new AppError(
          "not_found",
          `nearest_to_id: no vector was found in namespace '${namespace}' for ${list}`,
        );
      }
      return centroid(vectors);
    },
  };
}

/** @throws AppError `validation_error` for vectors of different length */
function centroid(vectors: readonly Float32Array[]): number[] {
  const [first] = vectors;
  if (first === undefined) return [];
  const sum = new Float64Array(first.length);
  for (const vector of vectors) {
    if (vector.length !== first.length) {
      throw new AppError(
        "validation_error",
        `nearest_to_id: the documents' vectors differ in length: ${first.length} and ${vector.length}`,
      );
    }
    for (const [index, number] of vector.entries()) sum[index] = (sum[index] as number) + number;
  }
  return Array.from(sum, (total) => total / vectors.length);
}
