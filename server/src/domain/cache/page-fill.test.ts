import { afterEach, describe, expect, it } from "vitest";
import { cacheStage, failures, NAMESPACE } from "../../../test/cache-stage.js";
import { Gate } from "../../../test/hand-time.js";
import { contextWith } from "../../../test/upstream-double.js";
import { CacheUnavailable } from "../../ports/document-cache.js";

afterEach(() => expect(failures.splice(0)).toEqual([]));

/** A stage whose rows a job is about to read: `page` shows them as they are now. */
async function warming(count = 3, options: Parameters<typeof cacheStage>[0] = {}) {
  const stage = cacheStage(options);
  for (let n = 0; n < count; n += 1)
    stage.upstream.rows(NAMESPACE).set(`r${n}`, { id: `r${n}`, v: n, vector: [n, n] });
  const sink = stage.domain.cache?.sink;
  if (sink === undefined) throw new Error("no cache");
  const epoch = await sink.epoch(NAMESPACE);
  const page = () => {
    const askedAt = stage.time.clock.monotonic();
    const rows = [...stage.upstream.rows(NAMESPACE).values()].map(({ id, vector, ...rest }) => ({
      id: String(id),
      attributes: Object.entries(rest).map(
        ([name, value]) => [name, Buffer.from(JSON.stringify(value))] as const,
      ),
      ...(vector === undefined ? {} : { vector: Buffer.from(JSON.stringify(vector)) }),
    }));
    return () => sink.fill(NAMESPACE, epoch, rows, askedAt);
  };
  return { ...stage, sink, epoch, page };
}

describe("a page of rows", () => {
  it("is cached whole, with vectors, and asks upstream for nothing", async () => {
    const { page, fetch, upstream, domain } = await warming();
    expect(await page()()).toEqual({ uncacheable: 0 });
    expect(upstream.requests.length).toBe(0);
    expect(await fetch("r1")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
    const body = Buffer.from('{"nearest_to_id":["r1","r2"],"top_k":1}');
    await domain.queries.queryNamespace(contextWith(), NAMESPACE, body);
    expect(upstream.queries().length).toBe(1);
  });

  it("leaves alone what was written after it was asked for, and tombstones of what was deleted", async () => {
    const { page, fetch, write, upstream, time } = await warming();
    const fill = page();
    await write({ upsert_rows: [{ id: "r0", v: 10 }], deletes: ["r1"] });
    await time.pass(59_000);
    expect(await fill()).toEqual({ uncacheable: 0 });
    expect(await fetch("r0")).toMatchObject({ cache: "hit", attributes: { v: 10 } });
    expect((await fetch("r1")).attributes).toBeUndefined();
    expect(await fetch("r2")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
    expect(upstream.rows(NAMESPACE).has("r1")).toBe(false);
  });

  it("leaves out rows of a write under way, and reads them again when it is over", async () => {
    const { page, fetch, write, upstream, time, settled } = await warming();
    const gate = new Gate();
    gate.shut();
    upstream.arrives = (request) => (request.effect === "write" ? gate.pass() : undefined);
    const fill = page();
    const writing = write({ upsert_rows: [{ id: "r0", v: 10 }] });
    await time.rest();
    const filling = fill();
    expect(await settled(filling)).toBeUndefined();
    gate.open();
    await writing;
    await time.pass(300);
    expect((await settled(filling))?.value).toEqual({ uncacheable: 0 });
    expect(await fetch("r0")).toMatchObject({ cache: "hit", attributes: { v: 10 } });
  });

  it("says how many rows it could not cache: written again and again, or too large", async () => {
    const { page, write, upstream, time, settled } = await warming();
    upstream.rows(NAMESPACE).set("large", { id: "large", v: "x".repeat(1_100_000), vector: [1, 1] });
    upstream.fate = () => "lost";
    await write({ upsert_rows: [{ id: "r0", v: 10 }] }).catch(() => undefined);
    const filling = page()();
    await time.pass(2_000);
    expect((await settled(filling))?.value).toEqual({ uncacheable: 2 });
  });

  it("replaces what is left of an older epoch, but reads again what may have been touched meanwhile", async () => {
    const { write, sink, contents, upstream, time, fetch } = await warming();
    await write({ upsert_rows: [{ id: "r0", v: 0 }] });
    await time.pass(60_000);
    await write({ upsert_rows: [{ id: "r1", v: 1 }] });
    contents.epochs.set(NAMESPACE, "another");
    const epoch = await sink.epoch(NAMESPACE);
    const before = upstream.queries().length;
    const askedAt = time.clock.monotonic();
    const rows = ["r0", "r1"].map((id) => ({ id, attributes: [["v", Buffer.from("5")] as const] }));
    expect(await sink.fill(NAMESPACE, epoch, rows, askedAt)).toEqual({ uncacheable: 0 });
    expect(upstream.queries().length).toBe(before + 1);
    expect(contents.peek(NAMESPACE, "r0")?.epoch).toBe(epoch);
    expect(contents.peek(NAMESPACE, "r1")?.epoch).toBe(epoch);
    expect(Buffer.from(contents.peek(NAMESPACE, "r1")?.attributes ?? []).toString()).toContain('"v":1');
    expect((await fetch("r1")).attributes).toEqual({ v: 1 });
  });

  it("is of no use after an eviction, or when it comes too late: its rows are read again", async () => {
    const { page, write, cache, contents, time, fetch } = await warming();
    const fill = page();
    await write({ upsert_rows: [{ id: "r0", v: 10 }] });
    contents.evict(NAMESPACE, "r0");
    cache.emit({ kind: "dropped", cause: "evicted", set: NAMESPACE });
    expect(await fill()).toEqual({ uncacheable: 0 });
    expect(await fetch("r0")).toMatchObject({ cache: "hit", attributes: { v: 10 } });
    const late = page();
    await write({ deletes: ["r1"] });
    await time.pass(200_000);
    await late();
    expect((await fetch("r1")).attributes).toBeUndefined();
  });

  it("of an epoch that is over is not served", async () => {
    const { page, fetch, domain, upstream } = await warming();
    const fill = page();
    await domain.cache?.epochs.change(NAMESPACE, "test");
    upstream.rows(NAMESPACE).set("r0", { id: "r0", v: 10 });
    await fill();
    expect(await fetch("r0")).toMatchObject({ cache: "miss", attributes: { v: 10 } });
  });

  it("may take ten times as long as a reader waits, and takes the cache from no reader", async () => {
    const { page, cache, fetch, time, settled } = await warming();
    await page()();
    const gate = new Gate();
    gate.shut();
    cache.before = (call) => (call === "put" ? gate.pass() : undefined);
    const slow = page()();
    await time.pass(1_900);
    expect(await settled(slow)).toBeUndefined();
    expect(await fetch("r1")).toMatchObject({ cache: "hit" });
    gate.open();
    expect((await settled(slow))?.value).toEqual({ uncacheable: 0 });

    gate.shut();
    const lost = page()().catch((error: unknown) => error);
    await time.pass(2_010);
    expect(await lost).toMatchObject({ name: "CacheUnavailable", reason: "timeout" });
    expect(await fetch("r1")).toMatchObject({ cache: "hit" });
    gate.open();
    await time.pass(2_000);
    expect(await page()()).toEqual({ uncacheable: 0 });
  });

  it("fails when the cache does", async () => {
    const { page, cache } = await warming();
    const fill = page();
    cache.trouble = () => "fails";
    await expect(fill()).rejects.toBeInstanceOf(CacheUnavailable);
  });
});

describe("warmth", () => {
  const START = 1_700_000_000_000;

  it("is what a job found, for every replica, until something is lost", async () => {
    const { sink, epoch, replicas, time, write, upstream, cache } = await warming(1, {
      replicas: 2,
      hasBlobs: false,
    });
    const warmthOf = (index: number) => replicas[index]?.domain.cache?.warmth.state(NAMESPACE);
    expect(await warmthOf(1)).toEqual({ isConnected: true, through: undefined });
    await time.pass(10_000);
    await sink.warmed(NAMESPACE, 777, epoch, START + 5_000);
    expect([await warmthOf(0), await warmthOf(1)]).toEqual(
      Array(2).fill({ isConnected: true, through: 777 }),
    );
    await write({ upsert_rows: [{ id: "r0", v: 1 }], deletes: ["x"] });
    expect((await warmthOf(1))?.through).toBe(777);
    upstream.schema = { id: "string", v: "datetime" };
    await write({ upsert_rows: [{ id: "r0", v: 1, w: 1 }] });
    expect((await warmthOf(1))?.through).toBeUndefined();
    expect(cache.health().state).toBe("up");
  });

  it.each([
    ["an eviction in its set", { kind: "dropped", cause: "evicted", set: NAMESPACE }],
    ["an eviction of nobody knows what", { kind: "dropped", cause: "evicted" }],
    ["an expiry of nobody knows what", { kind: "dropped", cause: "expired" }],
    ["the cache coming back", { kind: "restored", connection: 2, emptied: false }],
  ] as const)("ends with %s", async (_name, event) => {
    const { sink, epoch, domain, cache, time } = await warming(1);
    await sink.warmed(NAMESPACE, 777, epoch, START + 5_000);
    await time.pass(10_000);
    cache.emit(event);
    await time.rest();
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBeUndefined();
  });

  it("does not end with an expiry or eviction elsewhere", async () => {
    const { sink, epoch, domain, cache, time } = await warming(1);
    await sink.warmed(NAMESPACE, 777, epoch, START + 5_000);
    cache.emit({ kind: "dropped", cause: "expired", set: NAMESPACE });
    cache.emit({ kind: "dropped", cause: "evicted", set: "other" });
    await time.rest();
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBe(777);
  });

  it("ends with the epoch it was found under", async () => {
    const { sink, epoch, domain } = await warming(1);
    await sink.warmed(NAMESPACE, 777, epoch, START + 5_000);
    await domain.cache?.epochs.change(NAMESPACE, "test");
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBeUndefined();
  });

  it("is not claimed by a job during which something was lost", async () => {
    const { sink, epoch, domain, time } = await warming(1);
    await time.pass(10_000);
    await domain.cache?.warmth.clear(NAMESPACE);
    await sink.warmed(NAMESPACE, 777, epoch, START + 5_000);
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBeUndefined();
    await sink.warmed(NAMESPACE, 888, epoch, START + 20_000);
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBe(888);
  });

  it("is unknown while the cache is away, and a loss that could not be said is said later", async () => {
    const { sink, epoch, domain, cache } = await warming(1);
    await sink.warmed(NAMESPACE, 777, epoch, START + 5_000);
    cache.trouble = () => "fails";
    expect(await domain.cache?.warmth.state(NAMESPACE)).toEqual({ isConnected: false, through: undefined });
    await domain.cache?.warmth.clear(NAMESPACE);
    cache.trouble = () => undefined;
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBeUndefined();
    await domain.cache?.runOnce();
    expect((await domain.cache?.warmth.state(NAMESPACE))?.through).toBeUndefined();
    cache.emit({ kind: "lost", reason: "away" });
    expect(await domain.cache?.warmth.state(NAMESPACE)).toEqual({ isConnected: false, through: undefined });
  });
});
