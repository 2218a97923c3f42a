import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningGateway, startGateway } from "./running-gateway.js";
import { type ScriptedUpstream, startScriptedUpstream } from "./scripted-upstream.js";

const KEY = "store-key-of-the-test";
let upstream: ScriptedUpstream;
let gateway: RunningGateway;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  gateway = await startGateway({ TPUF_URL: `${upstream.url}/base`, TURBOPUFFER_API_KEY: KEY });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => {
  upstream.calls.length = 0;
});

/** Upstream answers every request with these bytes. */
function answerWith(status: number, body: string | Buffer, headers: Record<string, string> = {}): void {
  upstream.onRequest((_call, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body);
  });
}

const ROWS = '{"rows":[{"id":18446744073709551615,"$dist":1e-3}],"zeta":1,"alpha":2}';

describe("a relayed answer", () => {
  it("keeps its bytes: numbers, order and spaces", async () => {
    answerWith(200, ROWS);
    const answer = await gateway.request("/v1/namespaces/p/query", {
      json: { rank_by: ["id", "asc"], limit: 1 },
    });
    expect([answer.status, await answer.text()]).toEqual([200, ROWS]);
  });

  it("keeps the encoding that the caller negotiated", async () => {
    answerWith(200, gzipSync(ROWS), { "content-encoding": "gzip" });
    const answer = await gateway.request("/v1/namespaces/p/query", {
      json: {},
      headers: { "accept-encoding": "gzip" },
    });
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(await answer.text()).toBe(ROWS);
    expect(upstream.calls[0]?.headers["accept-encoding"]).toBe("gzip");
  });

  it.each([
    ["POST", "/v2/namespaces/p", { upsert_rows: [{ id: 1 }] }],
    ["POST", "/v2/namespaces/p/query", { rank_by: ["id", "asc"], limit: 1 }],
    ["GET", "/v2/namespaces/p/metadata", undefined],
    ["GET", "/v2/namespaces/p/documents/x", undefined],
    ["POST", "/v2/namespaces/p/documents", { ids: ["x"] }],
    ["GET", "/v2/namespaces", undefined],
    ["DELETE", "/v2/namespaces/p", undefined],
    ["GET", "/v1/namespaces", undefined],
    ["POST", "/v1/namespaces/p/schema", {}],
    ["PATCH", "/v1/namespaces/p/metadata", {}],
    ["POST", "/v2/namespaces/p/explain_query", {}],
    ["POST", "/v1/namespaces/p/_debug/recall", {}],
    ["GET", "/v1/namespaces/p/hint_cache_warm", undefined],
  ])(
    "is a refusal of upstream's own on %s %s, with the headers its clients act on",
    async (method, path, json) => {
      const body = '{"status":"error",  "error":"💔 too many"}';
      answerWith(429, body, {
        "retry-after": "7",
        "x-should-retry": "false",
        "x-turbopuffer-x": "y",
        server: "s",
      });
      const answer = await gateway.request(path, json === undefined ? { method } : { method, json });
      expect([answer.status, await answer.text()]).toEqual([429, body]);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        "retry-after": "7",
        "x-should-retry": "false",
        "x-turbopuffer-x": "y",
      });
      expect(answer.headers.get("server")).toBeNull();
    },
  );
});

describe("a forwarded request", () => {
  it("carries the store's key, the rebuilt path and the raw query, and nothing that is ours", async () => {
    answerWith(200, "{}");
    await gateway.request("/v1/namespaces/p.1/query?stainless_overload=x&a=%2B+b", {
      json: { a: 1 },
      headers: {
        prefer: "respond-async",
        "x-hevlayer-tags": "a",
        "x-turbopuffer-note": "n",
        "x-stainless-lang": "js",
        "x-request-id": "r-1",
        cookie: "c",
      },
    });
    const { method, url, headers, body } = upstream.calls[0] ?? {};
    expect([method, url, String(body)]).toEqual([
      "POST",
      "/base/v2/namespaces/p.1/query?stainless_overload=x&a=%2B+b",
      '{"a":1}',
    ]);
    expect(headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
      "x-turbopuffer-note": "n",
      "x-stainless-lang": "js",
      "x-request-id": "r-1",
    });
    for (const name of ["prefer", "x-hevlayer-tags", "cookie", "content-encoding"]) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  it("is unpacked when the caller packed it", async () => {
    answerWith(200, "{}");
    const text = JSON.stringify({ rank_by: ["id", "asc"], limit: 1 });
    await gateway.request("/v1/namespaces/p/query", {
      method: "POST",
      body: gzipSync(text),
      headers: { "content-encoding": "gzip" },
    });
    expect(String(upstream.calls[0]?.body)).toBe(text);
  });

  it.each([
    ["GET", "/v2/unknown"],
    ["GET", "/v2/namespaces/a%20b/metadata"],
    ["GET", "/v2/namespaces/..%2Fx/metadata"],
    ["PATCH", "/v2/namespaces/p"],
    ["POST", "/v1/namespaces/p"],
    ["POST", "/v2/query"],
    ["GET", "/v2/license"],
  ])("never comes of %s %s, which is refused here", async (method, path) => {
    const answer = await gateway.request(path, { method });
    expect([400, 404]).toContain(answer.status);
    await answer.text();
    expect(upstream.calls).toEqual([]);
  });

  it("never comes of a wrong key", async () => {
    const answer = await gateway.request("/v1/namespaces", { headers: { authorization: "Bearer wrong" } });
    expect(answer.status).toBe(401);
    expect(upstream.calls).toEqual([]);
  });
});

describe("an upstream that fails", () => {
  it("leaves a read with 502 and a write with 504, whose outcome nobody knows", async () => {
    upstream.onRequest((_call, response) => response.socket?.destroy());
    const read = await gateway.request("/v2/namespaces/p/metadata");
    expect(read.status).toBe(502);
    expect(await read.json()).toMatchObject({ error: "upstream_error" });
    const write = await gateway.request("/v2/namespaces/p", { json: { deletes: [1] } });
    expect(write.status).toBe(504);
    expect(await write.json()).toMatchObject({
      error: "gateway_timeout",
      message: expect.stringMatching(/unknown/),
    });
  });

  it("is named in the log with its cause, and never to the caller", async () => {
    upstream.onRequest((_call, response) => response.socket?.destroy());
    gateway.logLines.length = 0;
    const answer = await gateway.request("/v2/namespaces/p/metadata");
    expect(await answer.text()).not.toContain("127.0.0.1");
    await expect.poll(() => gateway.logLines[0]).toMatchObject({ level: "warn", code: "upstream_error" });
    expect(gateway.logLines[0]).toHaveProperty("err");
    expect(JSON.stringify(gateway.logLines)).not.toContain(KEY);
  });

  it("answers slower than the deadline and is given up", async () => {
    upstream.onRequest(() => {});
    const impatient = await startGateway({
      TPUF_URL: upstream.url,
      TURBOPUFFER_API_KEY: KEY,
      LAYER_UPSTREAM_TIMEOUT_MS: "100",
    });
    const answer = await impatient.request("/v2/namespaces/p", { json: { deletes: [1] } });
    expect(answer.status).toBe(504);
    await impatient.stop();
  });
});

describe("readiness", () => {
  it("follows the upstream, while health is always good and says what is wrong", async () => {
    answerWith(500, "{}");
    const notReady = await fetch(`${gateway.url}/ready`);
    expect([notReady.status, notReady.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await notReady.json()).toMatchObject({ status: "starting", version: expect.any(String) });
    const health = await gateway.request("/health");
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      stores: { upstream: { adapter: "turbopuffer", status: "degraded", location: `${upstream.url}/base` } },
    });
    answerWith(200, '{"namespaces":[]}');
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
  });

  it("tells where rows live to callers with a key only", async () => {
    answerWith(200, '{"namespaces":[]}');
    expect(await (await fetch(`${gateway.url}/health`)).text()).not.toContain(upstream.url);
  });
});

describe("a listing", () => {
  it("reads the metadata of every row and answers as the spec says", async () => {
    upstream.onRequest((call, response) => {
      response.setHeader("content-type", "application/json");
      if (call.url.startsWith("/base/v1/namespaces?"))
        response.end('{"namespaces":[{"id":"a"},{"id":"b-shadow"}]}');
      else if (call.url.includes("b-shadow")) response.writeHead(500).end('{"status":"error","error":"no"}');
      else response.end('{"schema":{},"approx_row_count":3,"index":{"status":"up-to-date"}}');
    });
    const answer = await gateway.request("/v2/namespaces?page_size=5000");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      namespaces: [
        { name: "a", row_count: 3, is_stable: true, shadow: false },
        { name: "b-shadow", shadow: true, metadata_error: expect.any(String) },
      ],
    });
    expect(upstream.calls[0]?.url).toContain("page_size=1000");
  });
});

describe("gzip", () => {
  it("of a relayed error is unpacked by nobody but the caller", async () => {
    const packed = gzipSync('{"status":"error","error":"x"}');
    answerWith(404, packed, { "content-encoding": "gzip" });
    const answer = await gateway.request("/v2/namespaces/p/query", {
      json: { rank_by: ["id", "asc"], limit: 1 },
    });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe(String(gunzipSync(packed)));
  });
});
