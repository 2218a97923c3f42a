import { afterEach, describe, expect, it } from "vitest";
import { cacheStage, failures, NAMESPACE } from "../../../test/cache-stage.js";

afterEach(() => expect(failures.splice(0)).toEqual([]));

function stageOf(count: number) {
  const stage = cacheStage();
  for (let n = 0; n < count; n += 1) stage.upstream.rows(NAMESPACE).set(`r${n}`, { id: `r${n}`, v: n });
  const ids = Array.from({ length: count }, (_, n) => `r${n}`);
  const many = async (asked: readonly (string | number)[]) => {
    const { cache, body } = await stage.fetchMany(asked);
    return { cache, ...(JSON.parse(body) as { documents: { id: string }[]; missing: string[] }) };
  };
  return { ...stage, ids, many };
}

describe("a batch", () => {
  it("is a hit only when every id came from the cache", async () => {
    const { many, fetch, upstream } = stageOf(3);
    expect((await many(["r0", "r1"])).cache).toBe("miss");
    expect((await many(["r0", "r1"])).cache).toBe("hit");
    expect((await many(["r0", "r2"])).cache).toBe("miss");
    expect((await many(["r0", "r1", "r2"])).cache).toBe("hit");
    expect((await many(["r0", "absent"])).cache).toBe("miss");
    expect((await fetch("r2")).cache).toBe("hit");
    expect(upstream.queries().length).toBe(3);
  });

  it("asks upstream for what is missing and nothing else, and keeps the caller's order", async () => {
    const { many, upstream } = stageOf(4);
    await many(["r1", "r3"]);
    const { documents, missing } = await many(["r3", "r0", "x", "r1", "r3", "r2", "y", "x"]);
    expect(documents.map(({ id }) => id)).toEqual(["r3", "r0", "r1", "r2"]);
    expect(missing).toEqual(["x", "y"]);
    expect(Buffer.from(upstream.queries().at(-1)?.body ?? []).toString()).toContain('["r0","x","r2","y"]');
  });

  it("finds an id once, whichever way it is spelled", async () => {
    const { many, upstream, write } = stageOf(0);
    upstream.schema = { id: "uuid", v: "int" };
    const id = "0a3b5d18-0000-4000-8000-000000000000";
    await write({ upsert_rows: [{ id, v: 1 }] });
    const spellings = [id.toUpperCase(), id, `{${id}}`, id.replaceAll("-", "")];
    expect(await many(spellings)).toMatchObject({ cache: "hit", documents: [{ id }], missing: [] });
    expect(await many([id, "no uuid"])).toMatchObject({
      cache: "miss",
      documents: [{ id }],
      missing: ["no uuid"],
    });
  });

  it("takes ten thousand ids, a thousand at a time and four of those at once", async () => {
    const { many, ids, upstream } = stageOf(10_000);
    let inFlight = 0;
    let most = 0;
    upstream.arrives = async (request) => {
      if (!request.path.endsWith("/query")) return;
      inFlight += 1;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
    };
    const first = await many(ids);
    expect([first.cache, first.documents.length, upstream.queries().length, most]).toEqual([
      "miss",
      10_000,
      10,
      4,
    ]);
    const second = await many([...ids, "absent"].slice(1));
    expect([second.cache, second.documents.length, second.missing]).toEqual(["miss", 9_999, ["absent"]]);
    expect((await many(ids)).cache).toBe("hit");
  });

  it("is a miss on error, complete all the same, when the cache fails for a part of it", async () => {
    const { many, ids, cache } = stageOf(3_000);
    await many(ids);
    let gets = 0;
    cache.trouble = (call) => (call === "get" && gets++ === 1 ? "fails" : undefined);
    const found = await many(ids);
    expect([found.cache, found.documents.length]).toEqual(["miss-on-error", 3_000]);
  });
});

describe("a fetch of a namespace that does not exist", () => {
  it("leaves nothing in the cache, and nobody to watch", async () => {
    const { fetch, contents, domain } = stageOf(0);
    await fetch("a");
    expect([contents.epochs.size, contents.records.size, domain.consistency.watcher.size]).toEqual([0, 0, 0]);
  });
});

describe("a namespace that is fetched from", () => {
  it("is watched from then on, and hits of what another replica cached wait for the first poll", async () => {
    const stage = cacheStage({ replicas: 2 });
    const [one, two] = stage.replicas;
    await stage.run(1_000);
    stage.upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    await one?.fetch("a");
    expect(one?.domain.consistency.watcher.size).toBe(1);
    expect(await one?.fetch("a")).toMatchObject({ cache: "hit" });
    expect(await two?.fetch("a")).toMatchObject({ cache: "miss" });
    await stage.run(2_000);
    expect(await two?.fetch("a")).toMatchObject({ cache: "hit" });
  });

  it("is forgotten when it is watched no more", async () => {
    const stage = cacheStage({ hasBlobs: true });
    stage.upstream.rows(NAMESPACE).set("r0", { id: "r0", v: 1 });
    await stage.run(1_000);
    await stage.fetch("r0");
    await stage.run(2_000);
    expect(await stage.fetch("r0")).toMatchObject({ cache: "hit" });
    stage.upstream.namespaces.delete(NAMESPACE);
    await stage.run(61_000);
    stage.upstream.rows(NAMESPACE).set("r0", { id: "r0", v: 2 });
    expect(await stage.fetch("r0")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
  });
});
