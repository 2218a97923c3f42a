/** Writers and readers that meet: a fetch is never older than the last acknowledged write, whatever happens in between. */

import { afterEach, describe, expect, it } from "vitest";
import { type CacheStage, cacheStage, failures, NAMESPACE } from "../../../test/cache-stage.js";
import { Gate } from "../../../test/hand-time.js";
import type { UpstreamRequest } from "../../ports/upstream.js";

const upsert = (...rows: object[]) => ({ upsert_rows: rows });
const isQuery = ({ path }: UpstreamRequest) => path.endsWith("/query");
const isWrite = ({ effect }: UpstreamRequest) => effect === "write";
const v = (attributes: Record<string, unknown> | undefined) => attributes?.v;

afterEach(() => expect(failures.splice(0)).toEqual([]));

/** Holds requests that `chosen` takes, before they take effect or before their answer goes back. */
function hold(
  stage: CacheStage,
  where: "arrives" | "returns",
  chosen: (request: UpstreamRequest) => boolean,
) {
  const gate = new Gate();
  gate.shut();
  const before = stage.upstream[where];
  stage.upstream[where] = async (request) => {
    await before(request);
    if (chosen(request)) await gate.pass();
  };
  return gate;
}

const once = (chosen: (request: UpstreamRequest) => boolean) => {
  let isUsed = false;
  return (request: UpstreamRequest) => {
    if (isUsed || !chosen(request)) return false;
    isUsed = true;
    return true;
  };
};

const ofValue = (value: number) => (request: UpstreamRequest) =>
  isWrite(request) && Buffer.from(request.body ?? []).includes(`"v":${value}`);

describe("one writer", () => {
  it("finds what it has written in the cache, without a question upstream", async () => {
    const { write, fetch, upstream } = cacheStage();
    await write(upsert({ id: "a", v: 1, none: null }));
    const found = await fetch("a");
    expect(found.cache).toBe("hit");
    expect(found.attributes).toEqual({ v: 1 });
    expect(upstream.queries()).toEqual([]);
  });

  it("replaces a row whole, and patches what is cached", async () => {
    const { write, fetch } = cacheStage();
    await write(upsert({ id: "a", v: 1, w: 1, x: 1 }));
    await write({ patch_rows: [{ id: "a", v: 2, w: null }] });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2, x: 1 } });
    await write(upsert({ id: "a", w: 3 }));
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { w: 3 } });
  });

  it("makes no document of a patch to what is not cached", async () => {
    const { write, fetch, upstream } = cacheStage();
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1, w: 1 });
    await write({ patch_rows: [{ id: "a", v: 2 }] });
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2, w: 1 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2, w: 1 } });
  });

  it("does not find what it has deleted", async () => {
    const { write, fetch } = cacheStage();
    await write(upsert({ id: "a", v: 1 }));
    await write({ deletes: ["a"] });
    expect((await fetch("a")).attributes).toBeUndefined();
  });

  it.each(["refused", "unreached"] as const)("keeps what was cached when its write is %s", async (fate) => {
    const { write, fetch, upstream } = cacheStage();
    await write(upsert({ id: "a", v: 1 }));
    upstream.fate = () => fate;
    await write(upsert({ id: "a", v: 2 }, { id: "b", v: 2 })).catch(() => undefined);
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
    expect((await fetch("b")).attributes).toBeUndefined();
  });

  it.each(["unanswered", "lost", "broken"] as const)(
    "leaves a row to upstream for as long as a write that was %s may still land",
    async (fate) => {
      const { write, fetch, upstream, run } = cacheStage();
      await write(upsert({ id: "a", v: 1 }));
      upstream.fate = () => fate;
      await write(upsert({ id: "a", v: 2 })).catch(() => undefined);
      upstream.fate = () => "applied";
      const truth = upstream.rows(NAMESPACE).get("a")?.v;
      await run(100_000);
      expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: truth } });
      expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: truth } });
      await run(30_000);
      expect(await fetch("a")).toMatchObject({ cache: "miss" });
      expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: truth } });
    },
  );
});

describe("a write under way", () => {
  it("is not served, neither before it is applied nor after, and its row is not filled in", async () => {
    const stage = cacheStage();
    const { write, fetch, settled } = stage;
    await write(upsert({ id: "a", v: 1 }));
    const arrival = hold(stage, "arrives", ofValue(2));
    const answer = hold(stage, "returns", ofValue(2));
    const writing = write(upsert({ id: "a", v: 2 }));
    await stage.time.rest();
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    arrival.open();
    await stage.time.rest();
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    expect(await settled(writing)).toBeUndefined();
    answer.open();
    await writing;
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("takes the right to fill from a reader that began before it", async () => {
    const stage = cacheStage();
    const { write, fetch, upstream } = stage;
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    const reading = hold(stage, "returns", once(isQuery));
    const slow = fetch("a");
    await stage.time.rest();
    await write(upsert({ id: "a", v: 2 }));
    reading.open();
    expect(await slow).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    expect(await fetch("a")).toMatchObject({ attributes: { v: 2 } });
  });

  it("that deletes is not undone by a reader that began before it, even after an eviction", async () => {
    const stage = cacheStage();
    const { write, fetch, upstream, contents } = stage;
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    const reading = hold(stage, "returns", once(isQuery));
    const slow = fetch("a");
    await stage.time.rest();
    await write({ deletes: ["a"] });
    contents.evict(NAMESPACE, "a");
    reading.open();
    expect(await slow).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    expect((await fetch("a")).attributes).toBeUndefined();
  });

  it("is safe when its mark is evicted and a reader fills in the old row before it lands", async () => {
    const stage = cacheStage();
    const { write, fetch, upstream, contents } = stage;
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    const arrival = hold(stage, "arrives", ofValue(2));
    const writing = write(upsert({ id: "a", v: 2 }));
    await stage.time.rest();
    contents.evict(NAMESPACE, "a");
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
    arrival.open();
    await writing;
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("keeps off the readers of another replica, too", async () => {
    const stage = cacheStage({ replicas: 2 });
    const [one, two] = stage.replicas;
    await stage.run(1_000);
    await one?.write(upsert({ id: "a", v: 1 }));
    await stage.run(2_000);
    expect(await two?.fetch("a")).toMatchObject({ cache: "miss" });
    await stage.run(2_000);
    expect(await two?.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
    const arrival = hold(stage, "arrives", ofValue(2));
    const writing = one?.write(upsert({ id: "a", v: 2 }));
    await stage.time.rest();
    expect(await two?.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    arrival.open();
    await writing;
    expect(await two?.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });
});

describe("two writers of one row", () => {
  /** Both under way; applied in the order 2, 3, and answered in the order given. */
  async function meet(answers: readonly (2 | 3)[]) {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }));
    const back = { 2: hold(stage, "returns", ofValue(2)), 3: hold(stage, "returns", ofValue(3)) };
    const writing = { 2: stage.write(upsert({ id: "a", v: 2 })), 3: stage.write(upsert({ id: "a", v: 3 })) };
    await stage.time.rest();
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 3 } });
    for (const value of answers) {
      back[value].open();
      await writing[value];
      expect(v((await stage.fetch("a")).attributes)).toBe(3);
    }
    return stage;
  }

  it.each([
    [2, 3],
    [3, 2],
  ] as const)("leave it to upstream which came last, answered in the order %d, %d", async (...answers) => {
    const { fetch } = await meet(answers);
    expect(await fetch("a")).toMatchObject({ attributes: { v: 3 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 3 } });
  });

  it("do not speak for each other when one is refused", async () => {
    const stage = cacheStage();
    const { write, fetch, upstream } = stage;
    const back = hold(stage, "returns", isWrite);
    upstream.fate = (request) => (ofValue(2)(request) ? "refused" : "applied");
    const writing = [write(upsert({ id: "a", v: 2 })), write(upsert({ id: "a", v: 3 }))];
    await stage.time.rest();
    back.open();
    await Promise.all(writing);
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 3 } });
  });

  it("leave the row unsure while one of them may still land", async () => {
    const stage = cacheStage();
    const { write, fetch, upstream, run } = stage;
    const back = hold(stage, "returns", isWrite);
    upstream.fate = (request) => (ofValue(2)(request) ? "lost" : "applied");
    const lost = write(upsert({ id: "a", v: 2 })).catch(() => undefined);
    const other = write(upsert({ id: "a", v: 3 }));
    await stage.time.rest();
    back.open();
    await Promise.all([lost, other]);
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 3 } });
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 2 });
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    await run(125_000);
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("are told apart from a third that comes when both are over", async () => {
    const { write, fetch } = await meet([2, 3]);
    await write(upsert({ id: "a", v: 4 }));
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 4 } });
  });

  it("of which one deletes leave nothing that was not there last", async () => {
    const stage = cacheStage();
    const { write, fetch } = stage;
    await write(upsert({ id: "a", v: 1 }));
    const back = hold(stage, "returns", isWrite);
    const deleting = write({ deletes: ["a"] });
    const writing = write(upsert({ id: "a", v: 2 }));
    await stage.time.rest();
    back.open();
    await Promise.all([writing, deleting]);
    expect(await fetch("a")).toMatchObject({ attributes: { v: 2 } });
  });
});

describe("readers that meet", () => {
  it("let the first fill in, and all answer", async () => {
    const stage = cacheStage();
    const { fetch, upstream } = stage;
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    const reading = hold(stage, "returns", isQuery);
    const all = [fetch("a"), fetch("a"), fetch("a")];
    await stage.time.rest();
    reading.open();
    for (const one of await Promise.all(all))
      expect(one).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
  });

  it("do not wait for one that died", async () => {
    const stage = cacheStage();
    const { fetch, upstream, run } = stage;
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    hold(stage, "returns", once(isQuery));
    void fetch("a");
    await stage.time.rest();
    expect(await fetch("a")).toMatchObject({ cache: "miss" });
    expect(await fetch("a")).toMatchObject({ cache: "miss" });
    await run(31_000);
    await fetch("a");
    expect(await fetch("a")).toMatchObject({ cache: "hit" });
  });
});
