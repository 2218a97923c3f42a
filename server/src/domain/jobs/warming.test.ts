import { describe, expect, it } from "vitest";
import { AppError } from "../../errors.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import { CacheUnavailable } from "../../ports/document-cache.js";
import type { UpstreamRequest } from "../../ports/upstream.js";
import type { Relay } from "../forwarding/relay.js";
import { createJobBoard } from "./job-board.js";
import { createMemoryShelf } from "./memory-shelf.js";
import type { MirroredSnapshot } from "./snapshot-mirror.js";
import type { WarmJob } from "./warm-job.js";
import { createWarmRequests } from "./warm-requests.js";
import { createWarming } from "./warming.js";

const clock = { now: () => 1_780_000_000_000, monotonic: () => 0 };

function setUp() {
  const sent: UpstreamRequest[] = [];
  const events: string[] = [];
  const blobs = createMemoryShelf();
  const state = {
    cacheUp: true,
    hint: { status: 202, body: '{"status":"ACCEPTED","message":"ok"}' },
    snapshot: async (): Promise<MirroredSnapshot | undefined> => undefined,
  };
  let ids = 0;
  const board = createJobBoard<WarmJob>({ blobs, clock }, { kind: "warm" });
  const warming = createWarming({
    upstream: {
      async send(request) {
        sent.push(request);
        const { status, body } = state.hint;
        return { status, headers: { "content-type": "application/json" }, body: Buffer.from(body) };
      },
      ping: async () => undefined,
      close: async () => undefined,
    },
    board,
    requests: createWarmRequests({
      board,
      wake: (namespace) => events.push(`wake ${namespace}`),
      register: (namespace) => events.push(`register ${namespace}`),
      clock,
      random: (bytes) => String(++ids).padStart(bytes * 2, "0"),
      log: { warn: () => undefined },
    }),
    snapshots: { refresh: () => state.snapshot() },
    isCacheUp: () => state.cacheUp,
  });
  const context = (rawQuery = "") => ({
    requestId: "r1",
    principal: { name: "store", scopes: new Set(["read", "write", "admin"] as const), grants: ["*"] },
    headers: {},
    rawQuery,
    signal: new AbortController().signal,
  });
  const hint = (rawQuery: string) => warming.hintCacheWarm(context(rawQuery), "films");
  return { warming, state, sent, events, context, hint, blobs };
}

const json = (relay: Relay) => JSON.parse(Buffer.from(relay.body).toString());

async function failure(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`expected an AppError, got ${String(error)}`);
}

describe("the bare hint", () => {
  it("is upstream's own answer, whatever the cache is", async () => {
    const { hint, state, sent, events } = setUp();
    state.cacheUp = false;
    const answer = await hint("foo=1&bar");
    expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([202, state.hint.body]);
    expect(sent[0]).toMatchObject({ path: "/v1/namespaces/films/hint_cache_warm", query: "foo=1&bar" });
    expect(events).toEqual([]);
  });
});

describe("the orchestrated hint", () => {
  it("runs every step unless it is told otherwise", async () => {
    const { hint, state, sent, events } = setUp();
    state.snapshot = async () => ({ key: "snapshots/films/1-2-ab.json", watermarkMs: 2, sha: "ab" });
    const answer = await hint("documents=true");
    expect(answer.status).toBe(200);
    expect(json(answer)).toEqual({
      namespace: "films",
      turbopuffer: { enabled: true, status: "completed" },
      documents: {
        enabled: true,
        status: "started",
        job: {
          id: "00000000-0000-4000-8000-000000000001",
          namespace: "films",
          status: "running",
          progress: 0,
          documents_scanned: 0,
          created_at: "2026-05-28T20:26:40.000Z",
          completed_at: null,
          error: null,
        },
      },
      snapshots: {
        enabled: true,
        status: "completed",
        key: "snapshots/films/1-2-ab.json",
        watermark_ms: 2,
        sha: "ab",
      },
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.query).toBeUndefined();
    expect(events).toEqual(["register films", "wake films"]);
  });

  it.each([
    ["turbopuffer", "false"],
    ["documents", "0"],
    ["snapshots", "false"],
  ])("skips %s alone when it is %s", async (step, value) => {
    const { hint, sent, events } = setUp();
    const answer = json(await hint(`${step}=${value}`));
    for (const name of ["turbopuffer", "documents", "snapshots"]) {
      if (name === step) expect(answer[name]).toEqual({ enabled: false, status: "skipped" });
      else expect(answer[name].enabled).toBe(true);
    }
    expect(sent).toHaveLength(step === "turbopuffer" ? 0 : 1);
    expect(events.includes("wake films")).toBe(step !== "documents");
  });

  it("is asked for by an option however its name is spelled", async () => {
    const { hint } = setUp();
    for (const rawQuery of ["%64ocuments=false", "a=1&snapshots=false"])
      expect((await hint(rawQuery)).status).toBe(200);
  });

  it("says no_snapshot when nothing is stored", async () => {
    const { hint } = setUp();
    expect(json(await hint("snapshots=1")).snapshots).toEqual({
      enabled: true,
      status: "no_snapshot",
    });
  });

  it("is cache_cold before any step when documents or snapshots need the cache", async () => {
    const { hint, state, sent } = setUp();
    state.cacheUp = false;
    for (const query of ["turbopuffer=true", "documents=false", "snapshots=0"]) {
      const error = await failure(hint(query));
      expect([error.code, error.details.cache_state]).toEqual(["cache_cold", "cold"]);
    }
    expect(sent).toHaveLength(0);
  });

  it("needs no cache for the hint alone", async () => {
    const { hint, state } = setUp();
    state.cacheUp = false;
    const answer = await hint("documents=false&snapshots=false");
    expect(json(answer).turbopuffer).toEqual({ enabled: true, status: "completed" });
  });

  it("relays a refused hint and goes no further", async () => {
    const { hint, state, events } = setUp();
    state.hint = { status: 404, body: '{"status":"error","error":"namespace not found"}' };
    const answer = await hint("page_size=10");
    expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([404, state.hint.body]);
    expect(events).toEqual([]);
  });

  it("is 502 when the object store fails, and 503 when the cache fails under it", async () => {
    const { hint, state } = setUp();
    state.snapshot = () => Promise.reject(new BlobStoreError("unavailable", "no answer"));
    expect((await failure(hint("snapshots=true"))).code).toBe("upstream_error");
    state.snapshot = () => Promise.reject(new BlobStoreError("timeout", "no answer"));
    expect((await failure(hint("snapshots=true"))).code).toBe("gateway_timeout");
    state.snapshot = () => Promise.reject(new CacheUnavailable("down", "down"));
    expect((await failure(hint("snapshots=true"))).code).toBe("cache_cold");
  });

  it.each([
    ["documents=yes", 'documents: expected true, false, 1 or 0, got "yes"'],
    ["turbopuffer=", 'turbopuffer: expected true, false, 1 or 0, got ""'],
    ["page_size=0", 'page_size: expected an integer from 1 to 10000, got "0"'],
    ["page_size=10001", 'page_size: expected an integer from 1 to 10000, got "10001"'],
    ["page_size=1e3", 'page_size: expected an integer from 1 to 10000, got "1e3"'],
  ])("refuses %s before any step", async (query, message) => {
    const { hint, sent } = setUp();
    const error = await failure(hint(query));
    expect([error.code, error.message]).toEqual(["validation_error", message]);
    expect(sent).toEqual([]);
  });

  it.each(["blobs", "blob_budget_bytes"])("refuses %s", async (name) => {
    const error = await failure(setUp().hint(`${name}=1`));
    expect([error.code, error.message]).toEqual([
      "validation_error",
      `${name}: this warm option is not supported`,
    ]);
  });
});

describe("warm jobs", () => {
  it("answer 202 with the running job for every further request", async () => {
    const { warming, context } = setUp();
    const first = await warming.warmCache(context(), "films", 500);
    const second = await warming.warmCache(context(), "films", 10);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(json(second)).toEqual(json(first));
    expect(json(await warming.listWarmJobs(context(), "films")).warm_jobs).toHaveLength(1);
  });

  it("are found under their own namespace only", async () => {
    const { warming, context } = setUp();
    const { id } = json(await warming.warmCache(context(), "films", undefined));
    expect(json(await warming.getWarmJob(context(), "films", id)).id).toBe(id);
    expect((await failure(warming.getWarmJob(context(), "songs", id))).code).toBe("not_found");
    expect((await failure(warming.getWarmJob(context(), "films", "other"))).message).toBe(
      "warm job 'other' was not found in namespace 'films'",
    );
  });

  it("are cache_cold without a cache", async () => {
    const { warming, context, state } = setUp();
    state.cacheUp = false;
    expect((await failure(warming.warmCache(context(), "films", undefined))).code).toBe("cache_cold");
  });

  it("are 502 when the object store fails", async () => {
    const { warming, context, blobs } = setUp();
    blobs.get = () => Promise.reject(new BlobStoreError("unavailable", "no answer"));
    expect((await failure(warming.warmCache(context(), "films", undefined))).code).toBe("upstream_error");
    expect((await failure(warming.listWarmJobs(context(), "films"))).code).toBe("upstream_error");
  });
});
