import { describe, expect, it } from "vitest";
import { createMemoryBlobs, type MemoryBlobs } from "../../../test/memory-blobs.js";
import {
  answerJson,
  answerText,
  contextWith,
  manualClock,
  type Script,
  scriptedUpstream,
} from "../../../test/upstream-double.js";
import { createDomain } from "../create-domain.js";

function gateway(script: Script, blobs?: MemoryBlobs) {
  const upstream = scriptedUpstream(script);
  const clock = manualClock();
  const random = (bytes: number) => "0".repeat(2 * bytes);
  return { upstream, clock, ...createDomain({ upstream, clock, random, blobs }) };
}

const text = (relay: { body: Uint8Array }) => Buffer.from(relay.body).toString();
const cold = '"layer":{"stable_as_of":null,"is_stable":false,"indexed":null,"index_lag_rows":null}';

describe("getNamespaceMetadata", () => {
  it.each([
    [
      "adds id and layer and touches nothing else",
      '{ "approx_row_count":1e3, "big":18446744073709551615 }',
      `{ "approx_row_count":1e3, "big":18446744073709551615 ,"id":"n",${cold}}`,
    ],
    [
      "keeps an id of upstream's",
      '{"id":"own","index":{"status":"updating","unindexed_rows":3}}',
      `{"id":"own","index":{"status":"updating","unindexed_rows":3},${cold}}`,
    ],
    ["fills an empty object", "{}", `{"id":"n",${cold}}`],
    [
      "replaces a layer block that another gateway added",
      '{"layer":{"stable_as_of":5},"id":"n"}',
      `{${cold},"id":"n"}`,
    ],
  ])("%s", async (_, upstreamText, expected) => {
    const { namespaces, upstream } = gateway(() => answerText(upstreamText));
    const relay = await namespaces.getNamespaceMetadata(contextWith({ rawQuery: "x=1" }), "n");
    expect(text(relay)).toBe(expected);
    expect(upstream.requests[0]).toMatchObject({
      method: "GET",
      path: "/v2/namespaces/n/metadata",
      query: "x=1",
    });
  });

  const layerOf = async ({ namespaces }: ReturnType<typeof gateway>) =>
    JSON.parse(text(await namespaces.getNamespaceMetadata(contextWith(), "n"))).layer;

  it("tells the watermark and whether the index is up to date, and watches the namespace from then on", async () => {
    let status = "up-to-date";
    const domain = gateway(() => answerJson({ index: { status } }));
    expect(await layerOf(domain)).toMatchObject({
      stable_as_of: 1_700_000_000_000 - 500,
      is_stable: true,
    });
    expect(domain.consistency.watcher.size).toBe(1);
    status = "updating";
    domain.clock.advance(5_000);
    expect(await layerOf(domain)).toMatchObject({
      stable_as_of: 1_700_000_000_000 - 500,
      is_stable: false,
    });
  });

  it.each([
    ["vectors and no row", { schema: { vector: { type: "[2]f32" } }, approx_row_count: 0 }, true, 0],
    ["vectors of a plain type and no row", { schema: { v: "[768]f16" }, approx_row_count: 0 }, true, 0],
    ["vectors and rows", { schema: { vector: { type: "[2]f32" } }, approx_row_count: 3 }, null, null],
    ["no vectors and no row", { schema: { title: "string" }, approx_row_count: 0 }, null, null],
    ["vectors and no count", { schema: { vector: { type: "[2]f32" } } }, null, null],
    ["a schema that is none", { schema: "x", approx_row_count: 0 }, null, null],
  ])(
    "knows without a snapshot how much of a namespace with %s is indexed",
    async (_, metadata, indexed, lag) => {
      expect(await layerOf(gateway(() => answerJson(metadata)))).toMatchObject({
        indexed,
        index_lag_rows: lag,
      });
    },
  );

  it("does not watch what it only lists", async () => {
    const domain = gateway((request) =>
      request.path === "/v1/namespaces" ? answerJson({ namespaces: [{ id: "n" }] }) : answerJson({}),
    );
    await domain.namespaces.listNamespaces(contextWith(), {});
    expect(domain.consistency.watcher.size).toBe(0);
  });

  it("relays a refusal", async () => {
    const { namespaces } = gateway(() =>
      answerJson({ status: "error", error: "namespace 'n' was not found" }, 404),
    );
    const relay = await namespaces.getNamespaceMetadata(contextWith(), "n");
    expect([relay.status, text(relay)]).toEqual([
      404,
      `{"status":"error","error":"namespace 'n' was not found"}`,
    ]);
  });

  it.each(["[]", "oops", '{"a":'])("calls %j an upstream error", async (answer) => {
    const { namespaces } = gateway(() => answerText(answer));
    await expect(namespaces.getNamespaceMetadata(contextWith(), "n")).rejects.toMatchObject({
      code: "upstream_error",
    });
  });
});

describe("upstream's own namespace routes", () => {
  it("are passed through", async () => {
    const { namespaces, upstream } = gateway(() => answerText('{"a":1.0}'));
    const body = Buffer.from('{"pinning":null}');
    const context = contextWith({ rawQuery: "a=b" });
    const relays = await Promise.all([
      namespaces.getTurbopufferV1NamespaceMetadata(context, "n"),
      namespaces.updateTurbopufferNamespaceMetadata(context, "n", body),
      namespaces.getTurbopufferNamespaceSchema(context, "n"),
      namespaces.updateTurbopufferNamespaceSchema(context, "n", body),
      namespaces.listTurbopufferNamespaces(context),
    ]);
    expect(relays.map(text)).toEqual(new Array(5).fill('{"a":1.0}'));
    expect(
      upstream.requests.map(({ method, path, query, effect, body }) => [method, path, query, effect, body]),
    ).toEqual([
      ["GET", "/v1/namespaces/n/metadata", "a=b", "read", undefined],
      ["PATCH", "/v1/namespaces/n/metadata", "a=b", "write", body],
      ["GET", "/v1/namespaces/n/schema", "a=b", "read", undefined],
      ["POST", "/v1/namespaces/n/schema", "a=b", "write", body],
      ["GET", "/v1/namespaces", "a=b", "read", undefined],
    ]);
  });

  it("show a restricted principal only the names it may see, the page otherwise as it was", async () => {
    const { namespaces } = gateway(() =>
      answerText('{ "namespaces":[{"id":"a-1","n":1.0},{"id":"b"},{"id":"a-2"}], "next_cursor":"x" }'),
    );
    const principal = { name: "r", scopes: new Set(["read"] as const), grants: ["a-*"] };
    const relay = await namespaces.listTurbopufferNamespaces(contextWith({ principal }));
    expect(text(relay)).toBe('{ "namespaces":[{"id":"a-1","n":1.0},{"id":"a-2"}], "next_cursor":"x" }');
  });
});

describe("deleteNamespace", () => {
  it.each([200, 404])("succeeds when upstream answers %i", async (status) => {
    const { namespaces, upstream } = gateway(() => answerJson({ status: "OK" }, status));
    const relay = await namespaces.deleteNamespace(contextWith(), "n");
    expect(relay.status).toBe(200);
    expect(JSON.parse(text(relay))).toEqual({ status: "OK", message: "namespace deleted; 0 objects purged" });
    expect(upstream.requests[0]).toMatchObject({
      method: "DELETE",
      path: "/v2/namespaces/n",
      effect: "write",
    });
  });

  it("purges what the object store has of the namespace, counts it, and forgets what was watched", async () => {
    const blobs = createMemoryBlobs();
    const domain = gateway(() => answerJson({ index: { status: "up-to-date" } }), blobs);
    await domain.consistency.watcher.poll("n");
    await domain.consistency.watcher.flush();
    blobs.bodies.set("watermarks/n2.json", "another's");
    const remove = async () => JSON.parse(text(await domain.namespaces.deleteNamespace(contextWith(), "n")));
    expect(await remove()).toEqual({ status: "OK", message: "namespace deleted; 1 objects purged" });
    expect(domain.consistency.watcher.size).toBe(0);
    expect([...blobs.bodies.keys()].filter((key) => key.startsWith("watermarks/"))).toEqual([
      "watermarks/n2.json",
    ]);
    expect(await remove()).toEqual({ status: "OK", message: "namespace deleted; 0 objects purged" });
  });

  it("says that the call is to be repeated when the object store fails, having forgotten the rest", async () => {
    const blobs = createMemoryBlobs();
    const domain = gateway(() => answerJson({}), blobs);
    domain.consistency.watcher.register("n");
    blobs.failure = "timeout";
    await expect(domain.namespaces.deleteNamespace(contextWith(), "n")).rejects.toMatchObject({
      code: "upstream_error",
      message: expect.stringContaining("repeat the call"),
    });
    expect(domain.consistency.watcher.size).toBe(0);
  });

  it("touches nothing local when upstream refuses", async () => {
    const blobs = createMemoryBlobs();
    const domain = gateway(() => answerJson({ status: "error" }, 500), blobs);
    domain.consistency.watcher.register("n");
    await domain.namespaces.deleteNamespace(contextWith(), "n");
    expect([domain.consistency.watcher.size, blobs.calls.delete]).toEqual([1, 0]);
  });

  it("relays any other answer", async () => {
    const { namespaces } = gateway(() => answerJson({ status: "error", error: "no" }, 403));
    expect((await namespaces.deleteNamespace(contextWith(), "n")).status).toBe(403);
  });

  it("forgets the id type, since a namespace of the same name may have another", async () => {
    const { namespaces, documents, upstream } = gateway((request) =>
      request.path.endsWith("/schema") ? answerJson({ id: "string" }) : answerText('{"rows":[{"id":"a"}]}'),
    );
    const schemaReads = () => upstream.requests.filter((request) => request.path.endsWith("/schema")).length;
    await documents.fetchDocument(contextWith(), "n", "a");
    await namespaces.deleteNamespace(contextWith(), "n");
    await documents.fetchDocument(contextWith(), "n", "a");
    expect(schemaReads()).toBe(2);
  });
});
