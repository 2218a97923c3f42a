import { describe, expect, it } from "vitest";
import { aerospikeSetName, checkSetPrefix } from "./set-name.js";

describe("Aerospike set names", () => {
  it("are plain where they fit, hashed where they do not, and never longer than 63 bytes", () => {
    expect(aerospikeSetName("tpuf_", "products")).toBe("tpuf_products");
    const stem = "n".repeat(60);
    const names = [stem, `${stem}1`, `${stem}2`, "a b", "é", "~x", `${stem}/1`].map((set) =>
      aerospikeSetName("tpuf_", set),
    );
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(names.every((name) => name.startsWith("tpuf_~"))).toBe(true);
  });

  it("refuse a prefix that leaves no room for a hash", () => {
    expect(() => checkSetPrefix("x".repeat(20))).toThrow(/AEROSPIKE_SET_PREFIX/);
    expect(() => checkSetPrefix("a/b")).toThrow(/AEROSPIKE_SET_PREFIX/);
  });
});
