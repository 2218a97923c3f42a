/** The part of the document cache's contract about writers that meet: conditions and merges. */

import { describe, expect, it } from "vitest";
import type { DocumentCache } from "./document-cache.js";
import { bytes, one, present, set, text, write } from "./document-cache-samples.contract.js";

/** @param handles gives two handles on the same data, once the suite has started */
export function describeCacheRaces(handles: () => { cache: DocumentCache; other: DocumentCache }): void {
  describe("conditions", () => {
    it("lets exactly one of 20 racing creators win", async () => {
      const { cache, other } = handles();
      const name = set();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? cache : other).put(name, [
            write("a", { condition: { when: "absent" }, mark: bytes(String(index)) }),
          ]),
        ),
      );
      const winners = outcomes.flatMap(([outcome], index) => (outcome?.status === "stored" ? [index] : []));
      expect(winners).toHaveLength(1);
      expect(outcomes.filter(([outcome]) => outcome?.status === "conflict")).toHaveLength(19);
      expect(text((await one(cache, name, "a"))?.mark)).toBe(String(winners[0]));
    });

    it("lets exactly one of 20 racers on one version win", async () => {
      const { cache, other } = handles();
      const name = set();
      await cache.put(name, [write("a")]);
      const { version } = await present(cache, name, "a");
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? cache : other).put(name, [
            write("a", { condition: { when: "version", version }, mark: bytes(String(index)) }),
          ]),
        ),
      );
      const winners = outcomes.flatMap(([outcome], index) => (outcome?.status === "stored" ? [index] : []));
      expect(winners).toHaveLength(1);
      expect(text((await one(other, name, "a"))?.mark)).toBe(String(winners[0]));
    });

    it("returns the version a conditional write made, good for the next one", async () => {
      const { cache, other } = handles();
      const name = set();
      const [first] = await cache.put(name, [write("a", { condition: { when: "absent" } })]);
      const version = first?.status === "stored" ? (first.version ?? "") : "";
      expect((await present(other, name, "a")).version).toBe(version);
      const [second] = await other.put(name, [write("a", { condition: { when: "version", version } })]);
      const next = second?.status === "stored" ? second.version : undefined;
      expect(next).toBe((await present(cache, name, "a")).version);
      expect(next).not.toBe(version);
    });

    it("changes the version with every write", async () => {
      const { cache, other } = handles();
      const name = set();
      const seen = new Set<string>();
      for (let round = 0; round < 5; round += 1) {
        await cache.put(name, [write("a")]);
        seen.add((await present(other, name, "a")).version);
      }
      expect(seen.size).toBe(5);
    });

    it("does not create a record whose condition names a version", async () => {
      const { cache } = handles();
      const name = set();
      await cache.put(name, [write("a")]);
      const { version } = await present(cache, name, "a");
      await cache.delete(name, ["a"]);
      expect(await cache.put(name, [write("a", { condition: { when: "version", version } })])).toEqual([
        { status: "conflict" },
      ]);
      expect(await one(cache, name, "a")).toBeUndefined();
    });

    it("settles each write of a call by its own condition", async () => {
      const { cache } = handles();
      const name = set();
      await cache.put(name, [write("taken")]);
      const outcomes = await cache.put(
        name,
        ["free", "taken", "free2"].map((id) => write(id, { condition: { when: "absent" } })),
      );
      expect(outcomes.map((outcome) => outcome.status)).toEqual(["stored", "conflict", "stored"]);
    });
  });

  describe("merging", () => {
    it("leaves an absent record absent", async () => {
      const { cache } = handles();
      const name = set();
      let asked = 0;
      const outcomes = await cache.mergeIfPresent(name, ["a"], () => {
        asked += 1;
        return { mark: bytes("m"), epoch: "e", attributes: bytes("{}") };
      });
      expect([outcomes, asked]).toEqual([[{ status: "absent" }], 0]);
      expect(await one(cache, name, "a")).toBeUndefined();
    });

    it("keeps the parts a merge does not name, and removes a vector set to null", async () => {
      const { cache, other } = handles();
      const name = set();
      await cache.put(name, [write("a", { vector: bytes("v") }), write("b", { vector: bytes("v") })]);
      const outcomes = await cache.mergeIfPresent(name, ["a", "b"], (id) => ({
        mark: bytes("merged"),
        epoch: "e2",
        ...(id === "b" ? { attributes: bytes("{}"), vector: null } : {}),
      }));
      expect(outcomes.map((outcome) => outcome.status)).toEqual(["stored", "stored"]);
      const [a, b] = [await one(other, name, "a"), await one(other, name, "b")];
      expect([text(a?.mark), a?.epoch, text(a?.attributes), text(a?.vector)]).toEqual([
        "merged",
        "e2",
        '{"id":"a"}',
        "v",
      ]);
      expect([text(b?.attributes), b?.vector]).toEqual(["{}", undefined]);
    });

    it("keeps a record whose merge declines", async () => {
      const { cache } = handles();
      const name = set();
      await cache.put(name, [write("a")]);
      const before = await present(cache, name, "a");
      expect(await cache.mergeIfPresent(name, ["a"], () => undefined)).toEqual([{ status: "kept" }]);
      expect((await present(cache, name, "a")).version).toBe(before.version);
    });

    it("loses none of 20 merges that race on one record", async () => {
      const { cache, other } = handles();
      const name = set();
      await cache.put(name, [write("a", { attributes: bytes(""), mark: bytes("0") })]);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? cache : other).mergeIfPresent(name, ["a"], (_id, current) => ({
            mark: bytes(String(Number(text(current.mark)) + 1)),
            epoch: "e",
          })),
        ),
      );
      const stored = outcomes.filter(([outcome]) => outcome?.status === "stored").length;
      expect(stored).toBeGreaterThan(0);
      expect(outcomes.filter(([outcome]) => outcome?.status === "conflict")).toHaveLength(20 - stored);
      expect(text((await one(cache, name, "a"))?.mark)).toBe(String(stored));
    });
  });
}
