import { afterEach, describe, expect, it } from "vitest";
import { type FaultRule, parseFaults } from "./faults.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
afterEach(() => t.stop());

const withFaults = async (...faults: FaultRule[]) => {
  t = await startTestEngine({ faults });
  return t;
};
const row = { upsert_rows: [{ id: 1 }] };

describe("the switchboard", () => {
  it("80 is off by default", async () => {
    await withFaults();
    for (let i = 0; i < 5; i++) expect((await t.write("a", row)).status).toBe(200);
  });

  it("80 refuses a burst of requests with Retry-After and then recovers", async () => {
    await withFaults({ kind: "status", status: 429, retryAfterSeconds: 2, path: "/query", times: 2 });
    await t.write("a", row);
    const statuses: (number | string | null)[] = [];
    for (let i = 0; i < 3; i++) {
      const reply = await t.query("a", { limit: 1 });
      statuses.push(reply.status, reply.headers.get("retry-after"));
    }
    expect(statuses).toEqual([429, "2", 429, "2", 200, null]);
  });

  it("80 fires on every n-th fitting request only", async () => {
    await withFaults({ kind: "status", every: 2, method: "GET" });
    const statuses = [];
    for (let i = 0; i < 4; i++) {
      await t.write("a", row);
      statuses.push((await t.send("GET", "/v1/namespaces")).status);
    }
    expect(statuses).toEqual([200, 503, 200, 503]);
  });

  it("80 delays", async () => {
    await withFaults({ kind: "latency", ms: 80 });
    const started = performance.now();
    await t.send("GET", "/v1/namespaces");
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);
  });

  it("80 cuts the connection before or after the write has happened", async () => {
    await withFaults(
      { kind: "reset-before", path: "/before" },
      { kind: "reset-after", path: "/after", times: 1 },
    );
    await expect(t.write("before", row)).rejects.toThrow();
    await expect(t.write("after", row)).rejects.toThrow();
    const names = (await t.send("GET", "/v1/namespaces")).body.namespaces;
    expect(names).toEqual([{ id: "after" }]);
  });

  it("80 tears an answer in half", async () => {
    await withFaults({ kind: "half-body" });
    await expect(t.send("GET", "/v1/namespaces")).rejects.toThrow();
  });

  it("80 shows an index that catches up after a write", async () => {
    let now = 1_000_000;
    t = await startTestEngine({ indexLagMs: 1_000, now: () => now });
    await t.write("a", { upsert_columns: { id: [1, 2, 3, 4] } });
    const index = async () => (await t.send("GET", "/v2/namespaces/a/metadata")).body.index;
    expect(await index()).toEqual({ status: "updating", unindexed_bytes: 32, unindexed_rows: 4 });
    now += 500;
    expect(await index()).toEqual({ status: "updating", unindexed_bytes: 16, unindexed_rows: 2 });
    now += 500;
    expect(await index()).toEqual({ status: "up-to-date" });
  });

  it("80 refuses rules it cannot read, naming rule and field", async () => {
    await withFaults();
    expect(() => parseFaults('[{"kind":"flood"}]')).toThrow("fault rule 0 has kind 'flood'");
    expect(() => parseFaults('[{"kind":"latency","ms":-1}]')).toThrow("fault rule 0 has ms '-1'");
    expect(() => parseFaults("{}")).toThrow("must be a JSON array");
    expect(parseFaults('[{"kind":"latency","ms":5}]')).toEqual([{ kind: "latency", ms: 5 }]);
  });
});
