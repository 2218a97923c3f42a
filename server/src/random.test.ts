import { describe, expect, it } from "vitest";
import { createRandomHex } from "./random.js";

describe("createRandomHex", () => {
  it("gives as many bytes as asked for, never the same twice, across many refills", () => {
    const random = createRandomHex();
    const ids = Array.from({ length: 5_000 }, () => random(24));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{48}$/);
    expect(new Set(ids).size).toBe(ids.length);
    expect(random(1)).toHaveLength(2);
    expect(random(1_024)).toHaveLength(2_048);
  });
});
