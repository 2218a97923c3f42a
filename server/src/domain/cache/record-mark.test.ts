import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CACHE_MARK_BYTES_MAX } from "../../ports/document-cache.js";
import {
  decodeMark,
  encodeMark,
  isLiveMark,
  type VectorForm,
  vectorFormOf,
  WRITERS_MAX,
} from "./record-mark.js";

const form = fc.constantFrom<VectorForm>("unknown", "float32", "json");
const time = fc.integer({ min: 0, max: 2 ** 47 });
const claim = fc.record({ token: fc.stringMatching(/^[0-9a-f]{16}$/), until: time });
const mark = fc.oneof(
  fc.record({ kind: fc.constant("live" as const), since: time, vector: form }),
  fc.record({ kind: fc.constantFrom("gone" as const, "unsure" as const), since: time }),
  fc.record({ kind: fc.constant("lease" as const), claim }),
  fc.record({
    kind: fc.constant("pending" as const),
    writers: fc.array(claim, { maxLength: WRITERS_MAX }),
    contended: fc.boolean(),
    over: fc.option(form, { nil: undefined }),
  }),
);

describe("a mark", () => {
  it("reads as it was written, and fits whatever holds it", () => {
    fc.assert(
      fc.property(mark, (given) => {
        const bytes = encodeMark(given);
        expect(bytes.length).toBeLessThanOrEqual(CACHE_MARK_BYTES_MAX);
        expect(decodeMark(bytes)).toEqual(given);
        expect(isLiveMark(bytes)).toBe(given.kind === "live");
        if (given.kind === "live") expect(vectorFormOf(bytes)).toBe(given.vector);
      }),
    );
  });

  it.each([
    ["of another version", [2, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["of a kind unknown", [1, 9, 0, 0, 0, 0, 0, 0, 0]],
    ["cut short", [1, 0]],
    ["of nothing", []],
    ["of a lease without its claim", [1, 3, 0, 0, 0, 0, 0, 0, 0]],
  ])("%s is foreign, and never live", (_name, bytes) => {
    expect([decodeMark(Uint8Array.from(bytes)).kind, isLiveMark(Uint8Array.from(bytes))]).toEqual([
      "foreign",
      false,
    ]);
  });
});
