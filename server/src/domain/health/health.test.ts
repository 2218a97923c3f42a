import { describe, expect, it } from "vitest";
import { contextWith } from "../../../test/upstream-double.js";
import { AppError } from "../../errors.js";
import type { ReplicaState } from "../consistency/replica.js";
import { createHealth, type ReportedStores } from "./health.js";
import type { StoreState } from "./store-watch.js";

const { principal } = contextWith();
const anonymous = { ...principal, scopes: new Set<never>() };
const noStore = { adapter: "none", detail: "not configured" } as const;
const noStores: ReportedStores = {
  documentCache: noStore,
  blobStore: noStore,
  queueStore: noStore,
  aerospike: () => ({ connected: false, generation: 0 }),
};

const upstreamStore = (state: StoreState = {}) => ({
  adapter: "turbopuffer",
  location: "https://store.example",
  state: () => state,
});

const sole = (): ReplicaState => ({ kind: "sole", acceptsWrites: true, others: 0 });

function healthOver(ping: () => Promise<void>) {
  let pings = 0;
  const health = createHealth({
    upstream: {
      ping: () => {
        pings++;
        return ping();
      },
    },
    isDraining: () => false,
    version: "1.2.3",
    store: upstreamStore(),
    stores: noStores,
    replica: sole,
    isLocationPublic: false,
    readinessTimeoutMs: 1_000,
  });
  return { health, pings: () => pings };
}

describe("readiness", () => {
  it("asks upstream once for all who ask at the same time, and again for those who come later", async () => {
    let answer = () => {};
    const { health, pings } = healthOver(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const first = Array.from({ length: 50 }, () => health.readiness(principal));
    expect(pings()).toBe(1);
    answer();
    expect((await Promise.all(first)).every(({ ready }) => ready)).toBe(true);
    const later = health.readiness(principal);
    expect(pings()).toBe(2);
    answer();
    expect((await later).ready).toBe(true);
  });

  it("tells all of them what is wrong", async () => {
    const { health, pings } = healthOver(async () => {
      throw new AppError("upstream_error", "turbopuffer could not be reached (connection refused)");
    });
    const answers = await Promise.all([health.readiness(principal), health.readiness(principal)]);
    expect(pings()).toBe(1);
    for (const { report } of answers) {
      expect(report).toEqual({
        status: "starting",
        version: "1.2.3",
        detail: "turbopuffer could not be reached (connection refused)",
      });
    }
  });
});

describe("the report on stores", () => {
  const lost = { since: Date.UTC(2026, 0, 2), detail: "no answer within 3000 ms" };
  const health = createHealth({
    upstream: { ping: async () => undefined },
    isDraining: () => false,
    version: "1.2.3",
    store: upstreamStore({ lost }),
    worker: { id: 2, of: 3 },
    stores: {
      documentCache: { adapter: "aerospike", location: "10.0.0.7:3000/layer", state: () => ({ lost }) },
      blobStore: { adapter: "s3", location: "s3://bucket", state: () => ({}) },
      queueStore: noStore,
      aerospike: () => ({ connected: false, generation: 3, last_error: "code 9 (timeout)" }),
    },
    replica: sole,
    isLocationPublic: false,
    readinessTimeoutMs: 1_000,
  });

  it("tells adapter, state, and since when a store is lost", () => {
    expect(health.report(principal)).toMatchObject({
      aerospike: { connected: false, generation: 3, last_error: "code 9 (timeout)" },
      stores: {
        document_cache: {
          adapter: "aerospike",
          status: "degraded",
          since: "2026-01-02T00:00:00.000Z",
          detail: "no answer within 3000 ms",
          location: "10.0.0.7:3000/layer",
        },
        blob_store: { adapter: "s3", status: "ok", location: "s3://bucket" },
        queue_store: { adapter: "none", status: "off", detail: "not configured" },
        upstream: {
          adapter: "turbopuffer",
          status: "degraded",
          since: "2026-01-02T00:00:00.000Z",
          detail: "no answer within 3000 ms",
          location: "https://store.example",
        },
      },
    });
  });

  it("tells which of several processes answers", () => {
    expect(health.report(principal).worker).toEqual({ id: 2, of: 3 });
  });

  it("keeps places from callers without a key", () => {
    const report = JSON.stringify(health.report(anonymous));
    for (const place of ["10.0.0.7", "s3://bucket", "store.example"]) expect(report).not.toContain(place);
    expect(report).toContain("2026-01-02");
  });
});

describe("the report on this replica", () => {
  const lost = { since: Date.UTC(2026, 0, 2), detail: "no answer within 3000 ms" };
  const shared = { kind: "shared", others: 2 } as const;
  it.each<[string, ReplicaState, object]>([
    [
      "says that it knows of no other",
      sole(),
      { kind: "sole", status: "ok", others: 0, detail: expect.stringContaining("no blob store") },
    ],
    ["counts the others", { ...shared, acceptsWrites: true }, { kind: "shared", status: "ok", others: 2 }],
    [
      "tells since when they cannot be told of writes",
      { ...shared, acceptsWrites: true, lost },
      {
        kind: "shared",
        status: "degraded",
        others: 2,
        since: "2026-01-02T00:00:00.000Z",
        detail: "no answer within 3000 ms",
      },
    ],
    [
      "tells that writes are refused by now",
      { ...shared, acceptsWrites: false, lost },
      expect.objectContaining({ detail: "writes are refused: no answer within 3000 ms" }),
    ],
  ])("%s", (_, state, expected) => {
    const health = createHealth({
      upstream: { ping: async () => undefined },
      isDraining: () => false,
      version: "1.2.3",
      store: upstreamStore(),
      stores: noStores,
      replica: () => state,
      isLocationPublic: false,
      readinessTimeoutMs: 1_000,
    });
    expect(health.report(principal).replica).toEqual(expected);
  });
});
