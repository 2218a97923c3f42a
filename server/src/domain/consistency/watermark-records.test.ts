import { describe, expect, it } from "vitest";
import { createMemoryBlobs } from "../../../test/memory-blobs.js";
import { createWatermarkRecords } from "./watermark-records.js";

const KEY = "watermarks/a%20b.json";

describe("the record of a watermark", () => {
  it("is read as it was written", async () => {
    const records = createWatermarkRecords(createMemoryBlobs());
    expect(await records.read("a b")).toBeUndefined();
    await records.write("a b", { watermark: 7, lastWriteAt: undefined });
    expect(await records.read("a b")).toEqual({ watermark: 7, lastWriteAt: undefined });
  });

  it("keeps the higher of two, each for itself, and is not written when neither is", async () => {
    const blobs = createMemoryBlobs();
    const records = createWatermarkRecords(blobs);
    await records.write("a b", { watermark: 7, lastWriteAt: 3 });
    await records.write("a b", { watermark: 5, lastWriteAt: 4 });
    expect(await records.read("a b")).toEqual({ watermark: 7, lastWriteAt: 4 });
    await records.write("a b", { watermark: 6, lastWriteAt: 1 });
    expect(blobs.calls.put).toBe(2);
  });

  it("takes in what another replica stores in between", async () => {
    const blobs = createMemoryBlobs();
    const records = createWatermarkRecords(blobs);
    const other = createWatermarkRecords(blobs);
    let raced = false;
    blobs.beforePut = async () => {
      if (raced) return;
      raced = true;
      await other.write("a b", { watermark: 9, lastWriteAt: 1 });
    };
    await records.write("a b", { watermark: 8, lastWriteAt: 2 });
    expect(await records.read("a b")).toEqual({ watermark: 9, lastWriteAt: 2 });
  });

  it("gives up when others store all the time", async () => {
    const blobs = createMemoryBlobs();
    const records = createWatermarkRecords(blobs);
    let tries = 0;
    blobs.putIfAbsent = async () => {
      tries += 1;
      return { status: "conflict" };
    };
    await expect(records.write("a b", { watermark: 1, lastWriteAt: 1 })).rejects.toMatchObject({
      reason: "unavailable",
    });
    expect(tries).toBe(4);
  });

  it("is removed, and counted, once", async () => {
    const blobs = createMemoryBlobs();
    const records = createWatermarkRecords(blobs);
    await records.write("a b", { watermark: 1, lastWriteAt: 1 });
    expect([await records.forget("a b"), await records.forget("a b")]).toEqual([1, 0]);
    expect(blobs.bodies.size).toBe(0);
  });

  it("of another format is not guessed at", async () => {
    const blobs = createMemoryBlobs();
    blobs.bodies.set(KEY, '{"format":2,"watermark":5}');
    await expect(createWatermarkRecords(blobs).read("a b")).rejects.toThrow(
      `${KEY} has the unknown format 2`,
    );
  });
});
