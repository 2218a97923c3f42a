import { describe, expect, it } from "vitest";
import { createLog } from "./log.js";

function logged(fields: object): string {
  const lines: string[] = [];
  createLog("info", { write: (line) => void lines.push(line) }).info(fields, "sample");
  return lines.join("");
}

describe("a log line", () => {
  it("has a constant message, a level by name and a readable time", () => {
    expect(JSON.parse(logged({ a: 1 }))).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      a: 1,
      msg: "sample",
    });
  });

  it("never shows a credential, however deep somebody put it", () => {
    const line = logged({
      token: "secret-1",
      request: { authorization: "secret-2" },
      copy: { from: { source_api_key: "secret-3" } },
    });
    expect(line).not.toMatch(/secret-\d/);
    expect(line).toContain("[redacted]");
  });

  it("keeps the cause of an error", () => {
    const err = new Error("outer", { cause: new Error("inner cause") });
    expect(logged({ err })).toContain("inner cause");
  });
});
