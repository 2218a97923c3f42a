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

  it("never shows one in a list, in an error, or in what a library hung on its error", () => {
    const cause = Object.assign(new Error("refused"), {
      request: { headers: [{ authorization: "secret-4" }] },
    });
    const err = Object.assign(new Error("failed", { cause }), { api_key: "secret-5" });
    const line = logged({ list: [1, { token: "secret-6" }], err });
    expect(line).not.toMatch(/secret-\d/);
    expect(JSON.parse(line)).toMatchObject({
      list: [1, { token: "[redacted]" }],
      err: { message: "failed", cause: { message: "refused" }, api_key: "[redacted]" },
    });
  });

  it("cuts off what goes too deep to be looked through, and what goes round", () => {
    const round: Record<string, unknown> = { a: 1 };
    round.self = round;
    expect(logged({ round })).toContain('"[deeper]"');
    expect(logged({ a: { b: { c: { d: { e: { f: { token: "secret-7" } } } } } } })).not.toContain("secret-7");
  });

  it("leaves what it is given as it was", () => {
    const fields = { token: "secret-8", inner: { token: "secret-9" } };
    logged(fields);
    expect(fields).toEqual({ token: "secret-8", inner: { token: "secret-9" } });
  });

  it("keeps the cause of an error", () => {
    const err = new Error("outer", { cause: new Error("inner cause") });
    expect(logged({ err })).toContain("inner cause");
  });
});
