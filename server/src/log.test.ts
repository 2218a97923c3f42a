import fs from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createLog, logStream } from "./log.js";

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

describe("a log whose disk is full", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** A log on a descriptor that takes lines while `hasRoom` says so, and what it took. */
  function onFullDisk() {
    const disk = { hasRoom: true, taken: "" };
    vi.spyOn(fs, "writeSync").mockImplementation(((_fd: number, text: string | Buffer) => {
      if (!disk.hasRoom) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      disk.taken += text.toString();
      return Buffer.byteLength(text);
    }) as typeof fs.writeSync);
    const log = createLog("info", logStream(1_000_000));
    const lines = () =>
      disk.taken
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { disk, log, lines };
  }

  it("throws at nobody, and writes what waited when there is room again", () => {
    const { disk, log, lines } = onFullDisk();
    log.info("before");
    disk.hasRoom = false;
    for (let n = 0; n < 20; n++) log.info({ n }, "meanwhile");
    disk.hasRoom = true;
    log.info("after");
    expect(lines().map(({ msg }) => msg)).toEqual(["before", ...Array(20).fill("meanwhile"), "after"]);
  });

  it("keeps no more than a megabyte, and tells how many lines were lost", () => {
    const { disk, log, lines } = onFullDisk();
    disk.hasRoom = false;
    const text = "x".repeat(10_000);
    for (let n = 0; n < 1_000; n++) log.info({ text }, "meanwhile");
    disk.hasRoom = true;
    log.info("after");
    log.info("later");
    const kept = lines().filter(({ msg }) => msg === "meanwhile").length;
    expect(kept * text.length).toBeLessThanOrEqual(1024 * 1024);
    const told = lines().filter(({ msg }) => msg === "log lines were lost");
    expect(told).toHaveLength(1);
    // Whether "after" still found room is all that may differ.
    const after = lines().filter(({ msg }) => msg === "after").length;
    expect(told[0]?.lines).toBe(1_001 - kept - after);
    expect(lines().at(-1)?.msg).toBe("later");
  });
});
