import { describe, expect, it } from "vitest";
import {
  answerJson,
  answerText,
  contextWith,
  manualClock,
  type Script,
  scriptedUpstream,
} from "../../../test/upstream-double.js";
import { AppError } from "../../errors.js";
import type { Upstream } from "../../ports/upstream.js";
import { createDomain } from "../create-domain.js";
import type { ListingParameters } from "../operations.js";
import { createListing } from "./listing.js";

const metadata =
  '{"schema":{"id":{"type":"string"},"title":{"type":"string"},"vector":{"type":"[512]f16","ann":true}},"approx_row_count":12500,"approx_logical_bytes":9007199254740993,"last_write_at":"2024-05-10T11:59:59Z","index":{"status":"up-to-date","x":1.0},"labels":{"team":"search","n":1}}';

function pageOf(names: string[], more: object = {}): Script {
  return (request) =>
    request.path === "/v1/namespaces"
      ? answerJson({ namespaces: names.map((id) => ({ id })), ...more })
      : answerText(metadata);
}

function gateway(script: Script, listingCacheTtlMs = 10_000) {
  const upstream = scriptedUpstream(script);
  const clock = manualClock();
  const domain = createDomain(
    { upstream, clock, random: (bytes) => "0".repeat(2 * bytes) },
    { listingCacheTtlMs },
  );
  const list = async (parameters: ListingParameters = {}, context = contextWith()) =>
    JSON.parse(Buffer.from((await domain.namespaces.listNamespaces(context, parameters)).body).toString());
  return { upstream, clock, list, ...domain };
}

describe("listNamespaces", () => {
  it("describes each namespace from its metadata", async () => {
    const { list, upstream } = gateway(pageOf(["products", "old-shadow"], { next_cursor: "c2" }));
    const page = await list({ prefix: "p&q", cursor: "c1", pageSize: 50 });
    expect(page.next_cursor).toBe("c2");
    expect(page.namespaces[0]).toEqual({
      name: "products",
      row_count: 12500,
      size_bytes: Number("9007199254740993"),
      stable_as_of_ms: 1_700_000_000_000,
      is_stable: true,
      index: { status: "up-to-date", x: 1 },
      last_write_ms: Date.UTC(2024, 4, 10, 11, 59, 59),
      schema_summary: { vector_dim: 512, fields: ["title", "vector"] },
      cache_state: { state: "cold", warm_inflight: false },
      shadow: false,
      labels: { team: "search" },
    });
    expect(page.namespaces[1]).toMatchObject({ name: "old-shadow", shadow: true });
    expect(upstream.requests.map((request) => [request.path, request.query])).toEqual([
      ["/v1/namespaces", "prefix=p%26q&cursor=c1&page_size=50"],
      ["/v2/namespaces/products/metadata", undefined],
      ["/v2/namespaces/old-shadow/metadata", undefined],
    ]);
  });

  it("keeps upstream's digits and index object as they were", async () => {
    const { namespaces } = gateway(pageOf(["n"]));
    const relay = await namespaces.listNamespaces(contextWith(), {});
    const text = Buffer.from(relay.body).toString();
    expect(text).toContain('"size_bytes":9007199254740993');
    expect(text).toContain('"index":{"status":"up-to-date","x":1.0}');
  });

  it.each([
    ['{"index":{"status":"updating"}}', { is_stable: false }],
    ["{}", {}],
    [
      '{"index":{"status":"odd"},"schema":{"a":"int","vector":"[3]f32"}}',
      { schema_summary: { vector_dim: 3, fields: ["a", "vector"] } },
    ],
    ['{"config":{"labels":{"a":"b"}}}', { labels: { a: "b" } }],
    ['{"last_write_at":"never","approx_row_count":"many","labels":[1]}', { labels: {} }],
  ])("says of %s no more than it tells", async (text, expected) => {
    const { list } = gateway((request) =>
      request.path === "/v1/namespaces" ? answerJson({ namespaces: [{ id: "n" }] }) : answerText(text),
    );
    const { index: _, ...row } = (await list()).namespaces[0];
    expect(row).toEqual({
      name: "n",
      cache_state: { state: "cold", warm_inflight: false },
      shadow: false,
      labels: {},
      ...expected,
    });
  });

  it.each([
    [undefined, "100"],
    ["1", "1"],
    [1000, "1000"],
    ["5000", "1000"],
    [1e23, "1000"],
  ])("turns page_size %j into %s", async (pageSize, sent) => {
    const { list, upstream } = gateway(pageOf([]));
    await list({ pageSize });
    expect(new URLSearchParams(upstream.requests[0]?.query).get("page_size")).toBe(sent);
  });

  it.each(["0", "-3", "ten", "1.5", ""])("refuses page_size %j", async (pageSize) => {
    const { list, upstream } = gateway(pageOf([]));
    await expect(list({ pageSize })).rejects.toMatchObject({
      code: "validation_error",
      message: `page_size: expected an integer of at least 1, got '${pageSize}'`,
    });
    expect(upstream.requests).toEqual([]);
  });

  it("keeps a row whose metadata could not be read, and says why in at most 200 characters", async () => {
    const { list } = gateway((request) => {
      if (request.path === "/v1/namespaces")
        return answerJson({ namespaces: ["a", "b", "c", "d"].map((id) => ({ id })) });
      if (request.path.includes("/a/")) return answerJson({ status: "error", error: "x".repeat(500) }, 404);
      if (request.path.includes("/b/"))
        return new AppError("upstream_error", "turbopuffer could not be reached");
      if (request.path.includes("/c/")) return answerText('{"schema":{"a":}}');
      return answerText(metadata);
    });
    const rows = (await list()).namespaces;
    expect(rows[0].metadata_error).toMatch(/^turbopuffer answered 404: .*x{50}/);
    expect(rows[0].metadata_error.length).toBeLessThanOrEqual(200);
    expect(rows[0]).not.toHaveProperty("is_stable");
    expect(rows[1].metadata_error).toBe("turbopuffer could not be reached");
    expect(rows[2].metadata_error).toBe("turbopuffer answered a metadata request with malformed JSON");
    expect(rows[3]).not.toHaveProperty("metadata_error");
  });

  it("relays upstream's refusal of the page", async () => {
    const { namespaces } = gateway(() => answerJson({ status: "error", error: "forbidden" }, 403));
    expect((await namespaces.listNamespaces(contextWith(), {})).status).toBe(403);
  });

  it.each(["[]", "{}", '{"namespaces":[{}]}', '{"namespaces":['])(
    "calls the page %j an upstream error",
    async (text) => {
      await expect(gateway(() => answerText(text)).list()).rejects.toMatchObject({ code: "upstream_error" });
    },
  );

  it("has at most 16 metadata reads in flight", async () => {
    let inFlight = 0;
    let most = 0;
    const inner = scriptedUpstream(pageOf(Array.from({ length: 50 }, (_, at) => `n${at}`)));
    const upstream: Upstream = {
      ...inner,
      send: async (request) => {
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setImmediate(resolve));
        inFlight--;
        return inner.send(request);
      },
    };
    const listing = createListing({ upstream, clock: manualClock() }, { cacheTtlMs: 0 });
    await listing.list(contextWith(), {});
    expect(most).toBe(16);
  });

  it("shows only granted namespaces", async () => {
    const principal = { name: "r", scopes: new Set(["read"] as const), grants: ["a*"] };
    const { list, upstream } = gateway(pageOf(["a1", "b1"]));
    const page = await list({}, contextWith({ principal }));
    expect(page.namespaces.map((row: { name: string }) => row.name)).toEqual(["a1"]);
    expect(upstream.requests).toHaveLength(2);
  });
});

describe("the listing's cache", () => {
  const listings = (upstream: { requests: { path: string }[] }) =>
    upstream.requests.filter((request) => request.path === "/v1/namespaces").length;

  it("serves the same page again until its time is up", async () => {
    const { list, clock, upstream } = gateway(pageOf(["n"]));
    await list();
    clock.advance(9_999);
    await list();
    expect(listings(upstream)).toBe(1);
    clock.advance(2);
    await list();
    expect(listings(upstream)).toBe(2);
  });

  it("tells queries and grants apart", async () => {
    const { list, upstream } = gateway(pageOf(["n"]));
    const principal = { name: "r", scopes: new Set(["read"] as const), grants: ["n"] };
    await list();
    await list({ prefix: "n" });
    await list({ cursor: "n" });
    await list({ pageSize: 7 });
    await list({}, contextWith({ principal }));
    expect(listings(upstream)).toBe(5);
  });

  it("keeps nothing when its time is 0, nor a page with a failed row", async () => {
    const off = gateway(pageOf(["n"]), 0);
    await off.list();
    await off.list();
    expect(listings(off.upstream)).toBe(2);
    const failing = gateway((request) =>
      request.path === "/v1/namespaces" ? answerJson({ namespaces: [{ id: "n" }] }) : answerJson({}, 500),
    );
    await failing.list();
    await failing.list();
    expect(listings(failing.upstream)).toBe(2);
  });

  it("drops its pages when a namespace is made or deleted, not when a known one is written", async () => {
    const { list, writes, namespaces, upstream } = gateway(pageOf(["n"]));
    const write = (namespace: string) =>
      writes.writeNamespace(contextWith(), namespace, Buffer.from('{"deletes":[1]}'));
    await list();
    await write("n");
    await list();
    expect(listings(upstream)).toBe(1);
    await write("fresh");
    await list();
    expect(listings(upstream)).toBe(2);
    await namespaces.deleteNamespace(contextWith(), "n");
    await list();
    expect(listings(upstream)).toBe(3);
  });

  it("does not keep a page that was being read while a namespace was made", async () => {
    const { list, namespaces, writes, upstream } = gateway((request) => {
      if (request.path === "/v1/namespaces" && listings(upstream) === 1) {
        void writes.writeNamespace(contextWith(), "fresh", Buffer.from('{"deletes":[1]}'));
      }
      return pageOf(["n"])(request);
    });
    await list();
    await namespaces.listNamespaces(contextWith(), {});
    expect(listings(upstream)).toBe(2);
  });
});
