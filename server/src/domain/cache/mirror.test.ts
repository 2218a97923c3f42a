import { afterEach, describe, expect, it } from "vitest";
import { cacheStage, failures, NAMESPACE } from "../../../test/cache-stage.js";
import { contextWith } from "../../../test/upstream-double.js";
import type { UpstreamRequest } from "../../ports/upstream.js";
import { createDomain } from "../create-domain.js";

const upsert = (...rows: object[]) => ({ upsert_rows: rows });
const hit = (attributes: object) => ({ cache: "hit", attributes });
const miss = (attributes: object) => ({ cache: "miss", attributes });

afterEach(() => expect(failures.splice(0)).toEqual([]));

function stageWith(...rows: { id: string | number }[]) {
  const stage = cacheStage();
  const sent = () => stage.upstream.requests.filter(({ effect }) => effect === "write").at(-1);
  const sentBody = () => JSON.parse(Buffer.from(sent()?.body ?? []).toString()) as Record<string, unknown>;
  const begun = rows.length === 0 ? Promise.resolve() : stage.write(upsert(...rows)).then(() => undefined);
  return { ...stage, sent, sentBody, begun };
}

const answered = (relay: { body: Uint8Array }) => JSON.parse(Buffer.from(relay.body).toString()) as object;

describe("rows of a write", () => {
  it.each([
    [
      "as rows",
      {
        upsert_rows: [
          { id: 1, v: 1, vector: [1, 2] },
          { id: 2, v: 2, vector: [3, 4] },
        ],
      },
    ],
    [
      "as columns",
      {
        upsert_columns: {
          id: [1, 2],
          v: [1, 2],
          vector: [
            [1, 2],
            [3, 4],
          ],
        },
      },
    ],
    ["with keys in different orders", '{"upsert_rows":[{"id":1,"v":1},{"v":2,"id":2}]}'],
    ["with keys that only JSON can spell", '{"upsert_rows":[{"id":1,"\\u0076":1},{"\\u0069d":2,"v":2}]}'],
    ["with a name twice, of which the last counts", '{"upsert_rows":[{"id":1,"v":7,"v":1},{"id":2,"v":2}]}'],
  ])("are cached %s", async (_name, body) => {
    const { write, fetch, upstream } = cacheStage();
    await write(body);
    expect(await fetch("1", ["v", "_hevlayer_upserted_at"])).toMatchObject({ cache: "hit" });
    expect([await fetch("1"), await fetch("2")]).toMatchObject([hit({ v: 1 }), hit({ v: 2 })]);
    expect(upstream.queries()).toEqual([]);
  });

  it("carry their stamp, shown only to who names it, and never what the caller put in its place", async () => {
    const { write, fetch, time } = cacheStage();
    await write(upsert({ id: "a", v: 1, _hevlayer_upserted_at: 5 }));
    const named = await fetch("a", ["_hevlayer_upserted_at", "v", "absent"]);
    expect(named).toMatchObject(hit({ v: 1, _hevlayer_upserted_at: time.clock.now() }));
    expect((await fetch("a")).body).toBe('{"id":"a","attributes":{"v":1}}');
    await write({ patch_rows: [{ id: "a", w: 1 }] });
    expect((await fetch("a", ["_hevlayer_upserted_at", "w"])).attributes).toEqual({
      w: 1,
      _hevlayer_upserted_at: time.clock.now(),
    });
  });

  it("keep integers exact, and every spelling of a text", async () => {
    const { write, fetch, upstream } = cacheStage();
    upstream.schema = {
      id: { type: "uint" },
      big: { type: "int" },
      text: { type: "string" },
      many: { type: "[]int" },
    };
    const id = "18446744073709551615";
    await write(
      `{"upsert_rows":[{"id":${id},"big":-9223372036854775808,"text":"\\u00e9\\n\\ud83d\\ude00","many":[1, 2 ,3]}]}`,
    );
    const { cache, body } = await fetch(id);
    expect([cache, body]).toEqual([
      "hit",
      `{"id":"${id}","attributes":{"big":-9223372036854775808,"text":"\\u00e9\\n\\ud83d\\ude00","many":[1, 2 ,3]}}`,
    ]);
  });

  it("are kept in the shortest spelling of a float, whose value is the same", async () => {
    const { write, fetch, upstream } = cacheStage();
    upstream.schema = { id: { type: "uint" }, f: { type: "float" }, fs: { type: "[]float" } };
    await write('{"upsert_rows":[{"id":1,"f":1.50e1,"fs":[1.0, 9007199254740993]}]}');
    expect((await fetch("1")).body).toBe('{"id":"1","attributes":{"f":15,"fs":[1,9007199254740992]}}');
  });

  it.each([
    ["a date", { v: { type: "datetime" } }, '"2026-01-01"'],
    ["dates", { v: { type: "[]datetime" } }, '["2026-01-01"]'],
    ["a UUID", { v: "uuid" }, '"0A3B5D18-0000-4000-8000-000000000000"'],
    ["a vector of another name", { v: { type: "[2]f32", ann: true } }, "[0.1,0.2]"],
    ["a type nobody knows yet", { v: { type: "geo" } }, '"x"'],
    ["an attribute the schema does not have", {}, "1"],
    ["an integer with a point", { v: { type: "int" } }, "1.0"],
    ["half a character", { v: { type: "string" } }, '"\\ud800"'],
  ])("are left to upstream when they hold %s", async (_name, schema, json) => {
    const { write, fetch, upstream, contents } = cacheStage();
    upstream.schema = { id: { type: "string" }, ...schema };
    await write(`{"upsert_rows":[{"id":"a","v":${json}},{"id":"b"}]}`);
    expect((await fetch("a")).cache).toBe("miss");
    expect((await fetch("b")).cache).toBe("hit");
    expect(contents.peek(NAMESPACE, "b")).toBeDefined();
  });

  it("are found under the canonical form of their UUID, also by a namespace's first write", async () => {
    const { write, fetch, upstream } = cacheStage();
    upstream.schema = { id: { type: "uuid" }, v: { type: "int" } };
    const canonical = "0a3b5d18-0000-4000-8000-000000000000";
    await write(upsert({ id: canonical.toUpperCase(), v: 1 }));
    expect(await fetch(canonical)).toMatchObject(hit({ v: 1 }));
    expect(await fetch(`{${canonical.toUpperCase()}}`)).toMatchObject(hit({ v: 1 }));
    await write(upsert({ id: canonical.replaceAll("-", ""), v: 2 }));
    expect(await fetch(canonical)).toMatchObject(hit({ v: 2 }));
    await write({ deletes: [`urn:uuid:${canonical}`] });
    expect((await fetch(canonical)).cache).not.toBe("hit");
  });

  it("are judged by a schema that is read once, and again for a name it did not have", async () => {
    const { write, upstream } = cacheStage();
    const schemas = () => upstream.requests.filter(({ path }) => path.endsWith("/schema")).length;
    await write(upsert({ id: "a", v: 1 }));
    await write(upsert({ id: "b", v: 1 }, { id: "c" }));
    expect(schemas()).toBe(1);
    await write(upsert({ id: "c", v: 1, w: 1 }));
    expect(schemas()).toBe(2);
  });

  it("are left to upstream when it does not tell its schema", async () => {
    const { write, fetch, upstream } = cacheStage();
    const { send } = upstream;
    upstream.send = (request) =>
      request.path.endsWith("/schema")
        ? Promise.resolve({ status: 503, headers: {}, body: Buffer.from("{}") })
        : send.call(upstream, request);
    await write(upsert({ id: "a", v: 1 }));
    upstream.send = send;
    expect(await fetch("a")).toMatchObject(miss({ v: 1 }));
    expect(await fetch("a")).toMatchObject(hit({ v: 1 }));
  });
});

describe("a write of which only upstream knows the rows", () => {
  it("mirrors the rows whose condition held, and keeps the others", async () => {
    const { write, fetch, begun, sentBody } = stageWith(
      { id: "a", v: 1 } as { id: string },
      { id: "b", v: 2 } as { id: string },
    );
    await begun;
    const relay = await write({
      upsert_rows: [
        { id: "a", v: 10 },
        { id: "b", v: 20 },
        { id: "c", v: 30 },
      ],
      upsert_condition: ["v", "Eq", 1],
    });
    expect(sentBody().return_affected_ids).toBe(true);
    expect(answered(relay)).toEqual({
      status: "OK",
      message: "done",
      rows_affected: 2,
      rows_upserted: 2,
      rows_patched: 0,
      rows_deleted: 0,
      billing: {},
    });
    expect([await fetch("a"), await fetch("b"), await fetch("c")]).toMatchObject([
      hit({ v: 10 }),
      hit({ v: 2 }),
      hit({ v: 30 }),
    ]);
  });

  it("patches and deletes those whose condition held", async () => {
    const { write, fetch, begun } = stageWith(
      ...["a", "b", "c", "d"].map((id, v) => ({ id, v: v % 2, w: 0 })),
    );
    await begun;
    await write({
      patch_rows: [
        { id: "a", w: 1 },
        { id: "b", w: 1 },
      ],
      patch_condition: ["v", "Eq", 0],
    });
    await write({ deletes: ["c", "d"], delete_condition: ["v", "Eq", 0] });
    expect([await fetch("a"), await fetch("b"), await fetch("d")]).toMatchObject([
      hit({ v: 0, w: 1 }),
      hit({ v: 1, w: 0 }),
      hit({ v: 1, w: 0 }),
    ]);
    expect((await fetch("c")).attributes).toBeUndefined();
  });

  it("forgets the rows that a filter chose, and no others", async () => {
    const { write, fetch, begun } = stageWith(...["a", "b", "c"].map((id, v) => ({ id, v })));
    await begun;
    await write({ patch_by_filter: { filters: ["v", "Eq", 0], patch: { w: 9 } } });
    await write({ delete_by_filter: ["v", "Eq", 1] });
    expect(await fetch("a")).toMatchObject(miss({ v: 0, w: 9 }));
    expect((await fetch("b")).attributes).toBeUndefined();
    expect(await fetch("c")).toMatchObject(hit({ v: 2 }));
  });

  it("is not fooled by rows that are both named and chosen by the filter", async () => {
    const { write, fetch, begun } = stageWith(...["a", "b", "c"].map((id) => ({ id, v: 1 })));
    await begun;
    await write({
      delete_by_filter: ["v", "Eq", 1],
      upsert_rows: [{ id: "a", v: 2 }],
      patch_rows: [{ id: "b", w: 1 }],
    });
    expect(await fetch("a")).toMatchObject(hit({ v: 2 }));
    expect((await fetch("b")).attributes).toBeUndefined();
    expect((await fetch("c")).attributes).toBeUndefined();
    await write({
      patch_by_filter: { filters: ["v", "Eq", 2], patch: { x: 1 } },
      patch_rows: [{ id: "a", y: 1 }],
    });
    expect(await fetch("a")).toMatchObject(miss({ v: 2, x: 1, y: 1 }));
  });

  it("tells the ids to a caller who asked for them", async () => {
    const { write, begun, sent } = stageWith({ id: "a", v: 1 } as { id: string });
    await begun;
    const body = '{"delete_by_filter":["v","Eq",1],"return_affected_ids":true}';
    expect(answered(await write(body))).toMatchObject({ deleted_ids: ["a"] });
    expect(Buffer.from(sent()?.body ?? []).toString()).toBe(body);
  });

  it.each([
    ['{"delete_by_filter":["v","Eq",1]}', '{"delete_by_filter":["v","Eq",1],"return_affected_ids":true}'],
    [
      '{ "return_affected_ids" : false ,"delete_by_filter":["v","Eq",1] }',
      '{ "return_affected_ids" : true ,"delete_by_filter":["v","Eq",1] }',
    ],
    [
      '{"return_affected_ids":null,"delete_by_filter":["v","Eq",1]}',
      '{"return_affected_ids":true,"delete_by_filter":["v","Eq",1]}',
    ],
    [
      '{"delete_by_filter":["v","Eq",1],"return_affected_ids":"x"}',
      '{"delete_by_filter":["v","Eq",1],"return_affected_ids":"x"}',
    ],
    ['{"deletes":["a"],"return_affected_ids":false}', '{"deletes":["a"],"return_affected_ids":false}'],
  ])("%s is sent as %s", async (body, expected) => {
    const { write, sent } = stageWith();
    await write(body);
    expect(Buffer.from(sent()?.body ?? []).toString()).toBe(expected);
  });

  it("makes the namespace forgotten when upstream does not say which rows it wrote", async () => {
    const { write, fetch, begun, upstream } = stageWith(...["a", "b"].map((id) => ({ id, v: 1 })));
    await begun;
    upstream.tellsIds = false;
    const relay = await write({ patch_by_filter: { filters: ["v", "Eq", 1], patch: { w: 2 } } });
    expect(relay.status).toBe(200);
    expect(await fetch("a")).toMatchObject(miss({ v: 1, w: 2 }));
  });

  it("keeps hits off for as long as it may still land, when nobody knows whether it did", async () => {
    const { write, fetch, begun, upstream, run } = stageWith(...["a", "b"].map((id) => ({ id, v: 1 })));
    await begun;
    upstream.fate = () => "lost";
    await write({ delete_by_filter: ["v", "Eq", 1] }).catch(() => undefined);
    upstream.fate = () => "applied";
    expect(await fetch("a")).toMatchObject(miss({ v: 1 }));
    await run(30_000);
    expect(await fetch("a")).toMatchObject(miss({ v: 1 }));
    await run(31_000);
    await fetch("a");
    expect(await fetch("a")).toMatchObject(hit({ v: 1 }));
  });
});

describe("a namespace", () => {
  it("is forgotten when another is copied over it", async () => {
    const { write, fetch, begun, upstream } = stageWith({ id: "a", v: 1 } as { id: string });
    await begun;
    upstream.rows("source").set("a", { id: "a", v: 2 });
    await write({ copy_from_namespace: "source" });
    expect(await fetch("a")).toMatchObject(miss({ v: 2 }));
  });

  it("is forgotten when an attribute is dropped", async () => {
    const { write, fetch, begun, upstream } = stageWith({ id: "a", v: 1 } as { id: string });
    await begun;
    upstream.rows(NAMESPACE).set("a", { id: "a" });
    await write({ schema: { v: { drop: true } } });
    expect(await fetch("a")).toMatchObject(miss({}));
  });

  it("is forgotten when it is deleted, and starts afresh", async () => {
    const { domain, write, fetch, begun } = stageWith({ id: "a", v: 1 } as { id: string });
    await begun;
    const { contextWith } = await import("../../../test/upstream-double.js");
    await domain.namespaces.deleteNamespace(contextWith(), NAMESPACE);
    await expect(fetch("a"))
      .resolves.toMatchObject({ attributes: undefined })
      .catch(() => undefined);
    await write(upsert({ id: 7, v: 2 }));
    expect(await fetch("7")).toMatchObject(hit({ v: 2 }));
    expect((await fetch("a")).attributes).toBeUndefined();
  });

  it("keeps what is cached when only its schema grows", async () => {
    const { write, fetch, begun } = stageWith({ id: "a", v: 1 } as { id: string });
    await begun;
    await write({ schema: { w: "string" } });
    expect(await fetch("a")).toMatchObject(hit({ v: 1 }));
  });
});

describe("without a cache", () => {
  it("sends a write exactly as before, and asks upstream for no ids", async () => {
    const requests: UpstreamRequest[] = [];
    const plain = createDomain({
      upstream: {
        send: async (request) => {
          requests.push(request);
          return { status: 200, headers: {}, body: Buffer.from('{"deleted_ids":["x"]}') };
        },
        ping: async () => undefined,
        close: async () => undefined,
      },
      clock: { now: () => 1_700_000_000_000, monotonic: () => 0 },
      random: (bytes) => "ab".repeat(bytes),
    });
    const body = '{"delete_by_filter":["v","Eq",1]}';
    const relay = await plain.writes.writeNamespace(contextWith(), NAMESPACE, Buffer.from(body));
    expect(requests.map((request) => Buffer.from(request.body ?? []).toString())).toEqual([body]);
    expect(Buffer.from(relay.body).toString()).toBe('{"deleted_ids":["x"]}');
  });
});
