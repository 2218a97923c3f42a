import { afterEach, describe, expect, it } from "vitest";
import { startTestApp, type TestApp, type TestAppOptions } from "../../test/recording-app.js";
import { AppError } from "../errors.js";

let app: TestApp;
const start = async (options?: TestAppOptions) => {
  app = await startTestApp(options);
  return app;
};
afterEach(() => app.close());

describe("routing", () => {
  it.each([
    ["GET", "/v2/nothing"],
    ["GET", "/V2/namespaces"],
    ["GET", "/v2/namespaces/"],
    ["PUT", "/v2/namespaces/products"],
    ["PATCH", "/v2/namespaces/products"],
    ["POST", "/v1/namespaces/products"],
    ["POST", "/health"],
    ["POST", "/"],
  ])("answers 404 not_found to %s %s, which is not served", async (method, path) => {
    const answer = await (await start()).request(path, { method });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ error: "not_found", message: `no such route: ${method} ${path}` });
    expect(app.calls).toEqual([]);
  });

  it("decodes a path parameter exactly once", async () => {
    await (await start()).request("/v2/namespaces/products/documents/a%2Fb%3F%23%20%25zz%C3%BC%252F");
    expect(app.calls[0]?.path).toEqual({ namespace: "products", doc_id: "a/b?# %zzü%2F" });
  });

  it("refuses a document id that is not percent-encoded properly", async () => {
    const answer = await (await start()).request("/v2/namespaces/products/documents/100%");
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ error: "validation_error" });
  });

  it("answers HEAD as GET without a body", async () => {
    await start();
    for (const path of ["/health", "/v2/namespaces", "/v2/namespaces/products/metadata"]) {
      const answer = await app.request(path, { method: "HEAD" });
      expect([answer.status, await answer.text(), answer.headers.get("content-length")]).toEqual([
        200,
        "",
        "11",
      ]);
    }
  });

  it("says with OPTIONS what a path takes, and 404 where nothing is served", async () => {
    await start();
    const answer = await app.request("/v2/namespaces/products", { method: "OPTIONS" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([204, "DELETE, OPTIONS, POST"]);
    expect((await app.request("/v2/nothing", { method: "OPTIONS" })).status).toBe(404);
  });
});

describe("the namespace in a path", () => {
  it.each([
    ["a%20b", "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]"],
    ["..%2Fx", "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]"],
    ["%zz", "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]"],
    ["%C3%BC", "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]"],
    ["x%252Fy", "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]"],
    [
      "n".repeat(129),
      `Invalid URL: Namespace \`${"n".repeat(129)}\` is too long, limit is currently 128 characters`,
    ],
  ])("is refused in upstream's words when it is %s, before any key is asked for", async (name, words) => {
    const answer = await fetch(`${(await start()).url}/v2/namespaces/${name}/metadata`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await answer.text()).toBe(words);
    expect(app.calls).toEqual([]);
  });

  it.each(["%2e%2e", "..", "%2E", "."])(
    "is refused when it is %s, which would change the path",
    async (name) => {
      const answer = await (await start()).requestRaw(`/v2/namespaces/${name}/metadata`);
      expect(answer).toEqual({
        status: 400,
        text: "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]",
      });
      expect(app.calls).toEqual([]);
    },
  );

  it("may use the whole alphabet up to 128 characters", async () => {
    const name = "Az09-_.".padEnd(128, "x");
    expect((await (await start()).request(`/v2/namespaces/${name}/metadata`)).status).toBe(200);
    expect(app.calls[0]?.path.namespace).toBe(name);
  });
});

describe("authentication", () => {
  it.each([
    [undefined, "missing_bearer"],
    ["", "missing_bearer"],
    ["Basic dXNlcg==", "malformed_bearer"],
    ["Bearer", "malformed_bearer"],
    ["Bearer two words", "malformed_bearer"],
    ["Bearer other-key", "unknown_key"],
  ])("refuses the header %j with reason %s", async (authorization, reason) => {
    await start();
    const answer = await fetch(`${app.url}/v2/namespaces`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    expect(await answer.json()).toMatchObject({ error: "unauthorized", reason });
  });

  it("comes before the body is looked at", async () => {
    await start();
    const answer = await fetch(`${app.url}/v2/namespaces/products`, {
      method: "POST",
      headers: { "content-type": "text/csv" },
      body: "a,b",
    });
    expect(answer.status).toBe(401);
  });

  it("is not asked for on open routes, and a wrong key there is nobody's", async () => {
    await start();
    expect((await fetch(`${app.url}/health`)).status).toBe(200);
    expect((await fetch(`${app.url}/health`, { headers: { authorization: "Bearer wrong" } })).status).toBe(
      200,
    );
    expect((await app.request("/health")).status).toBe(200);
    expect(app.calls.map(({ context }) => context.principal.name)).toEqual([
      "anonymous",
      "anonymous",
      "store-key",
    ]);
  });
});

describe("authorisation", () => {
  const reader = { name: "reader", scopes: new Set(["read"] as const), grants: ["prod-*"] };

  it("refuses a route whose scope the key lacks, from the spec's class", async () => {
    await start({ authenticate: () => reader });
    const refused = await app.request("/v2/namespaces/prod-a", { method: "DELETE" });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({
      error: "forbidden",
      reason: "insufficient_scope",
      required_scope: "write",
      message: "key 'reader' lacks the scope write",
    });
    const queried = await app.request("/v1/namespaces/prod-a/_debug/recall", { method: "POST" });
    expect(queried.status).toBe(200);
  });

  it("refuses a namespace outside the key's grants by name", async () => {
    await start({ authenticate: () => reader });
    const refused = await app.request("/v2/namespaces/orders/metadata");
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({
      error: "forbidden",
      reason: "namespace_not_granted",
      message: "key 'reader' has no grant for namespace 'orders'",
    });
    expect((await app.request("/v2/namespaces/prod-a/metadata")).status).toBe(200);
  });

  it("does not let write imply read, and lets admin imply both", async () => {
    let scopes = new Set<"read" | "write" | "admin">(["write"]);
    await start({ authenticate: () => ({ name: "k", scopes, grants: ["*"] }) });
    expect((await app.request("/v2/namespaces")).status).toBe(403);
    scopes = new Set(["admin"]);
    expect((await app.request("/v2/namespaces")).status).toBe(200);
    expect((await app.request("/v2/namespaces/a", { method: "DELETE" })).status).toBe(200);
  });
});

describe("validation", () => {
  it.each([
    ["/v2/namespaces?page_size=0", "page_size: must be >= 1, got 0"],
    ["/v2/namespaces?page_size=ten", 'page_size: must be integer, got "ten"'],
  ])("refuses %s with 422 naming the field", async (path, message) => {
    const answer = await (await start()).request(path);
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual({ error: "validation_error", message });
    expect(app.calls).toEqual([]);
  });

  it.each([
    [{}, "ids: is required"],
    [{ ids: [] }, "ids: must not have fewer than 1 items"],
    [{ ids: "a" }, 'ids: must be array, got "a"'],
    [{ ids: ["a", true] }, "ids[1]: must be string or integer, got true"],
    [{ ids: ["a"], include_attributes: [1] }, "include_attributes[0]: must be string, got 1"],
    [[], "the body: must be object"],
  ])("refuses the body %j with %s", async (body, message) => {
    await start();
    const answer = await app.request("/v2/namespaces/p/documents", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual({ error: "validation_error", message });
  });

  it.each([
    ["", "empty"],
    ["{", "not valid JSON"],
    ['{"ids":["a"]}x', "not valid JSON"],
  ])("answers 400 invalid_json to the body %j", async (body, words) => {
    await start();
    const answer = await app.request("/v2/namespaces/p/documents", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: "invalid_json",
      message: expect.stringContaining(words),
    });
  });

  it("ignores unknown query parameters, takes empty and reserved characters, and adds no defaults", async () => {
    await start();
    const answer = await app.request("/v2/namespaces?prefix=&cursor=a+b:/=c&unknown=1&stainless_overload=x");
    expect(answer.status).toBe(200);
    const { query } = app.calls[0] ?? {};
    expect(query).toMatchObject({ prefix: "", cursor: "a b:/=c" });
    expect(query).not.toHaveProperty("page_size");
  });

  it("gives query parameters their types", async () => {
    await start();
    await app.request("/v2/namespaces?page_size=7");
    await app.request("/v2/namespaces/p/documents/d?include_attributes=a,b%2Cc&include_attributes=d");
    expect(app.calls.map(({ query }) => query)).toEqual([
      { page_size: 7 },
      { include_attributes: ["a", "b,c", "d"] },
    ]);
  });

  it("does not look at query or body of routes that are upstream's to judge", async () => {
    await start();
    const answer = await app.request("/v1/namespaces/p/query?x=%zz", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "not json",
    });
    expect(answer.status).toBe(200);
    expect(Buffer.from(app.calls[0]?.bytes ?? []).toString()).toBe("not json");
    expect(app.calls[0]?.context.rawQuery).toBe("x=%zz");
  });
});

describe("errors", () => {
  it("hides the cause of a defect and gives the id under which the log has it", async () => {
    await start({
      answer: async () => {
        throw new TypeError("secret internals");
      },
    });
    const answer = await app.request("/v2/namespaces/p/metadata", {
      headers: { "x-request-id": "caller-7" },
    });
    expect(answer.status).toBe(500);
    expect(answer.headers.get("x-request-id")).toBe("caller-7");
    expect(await answer.json()).toEqual({
      error: "internal_error",
      message: "the gateway failed on request caller-7; its log has the cause",
    });
    expect(JSON.stringify(app.logLines)).toContain("secret internals");
    expect(app.logLines[0]).toMatchObject({ level: "error", status: 500, code: "internal_error" });
  });

  it("sends an error's details, and its pause as a header", async () => {
    await start({
      answer: async () => {
        throw new AppError("rate_limited", "too much", { details: { retryAfterSeconds: 3, feature: "f" } });
      },
    });
    const answer = await app.request("/v2/namespaces/p/metadata");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "3"]);
    expect(await answer.json()).toEqual({ error: "rate_limited", message: "too much", feature: "f" });
  });

  it("refuses an answer that the spec does not declare, where answers are checked", async () => {
    await start({ validateResponses: true, answer: async () => ({ status: 200, json: { namespaces: 1 } }) });
    const answer = await app.request("/v2/namespaces");
    expect(answer.status).toBe(500);
    expect(JSON.stringify(app.logLines)).toContain("answer 200 of listNamespaces: namespaces: must be array");
  });
});

describe("draining", () => {
  it("refuses new work with 503 and closes the connection, but still says how it is", async () => {
    await start();
    app.drain.begin();
    const answer = await app.request("/v2/namespaces");
    expect([answer.status, answer.headers.get("connection")]).toEqual([503, "close"]);
    expect(await answer.json()).toEqual({
      error: "gateway_draining",
      message: "this instance is shutting down",
    });
    expect((await app.request("/health")).status).toBe(200);
  });
});

describe("cross-origin pages", () => {
  it("are let in from configured origins only", async () => {
    await start({ corsOrigins: ["https://app.example.com"] });
    const preflight = await fetch(`${app.url}/v2/namespaces/p/query`, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      "access-control-allow-origin": "https://app.example.com",
      "access-control-allow-headers": "authorization,content-type",
      vary: "origin",
    });
    const stranger = await app.request("/v2/namespaces", { headers: { origin: "https://evil.example.com" } });
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("are not let in at all unless an origin is configured", async () => {
    await start();
    const answer = await app.request("/v2/namespaces", { headers: { origin: "https://app.example.com" } });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(answer.headers.get("vary")).toBeNull();
  });
});

describe("the log", () => {
  it("has one line a request, with what an operator needs and nothing secret", async () => {
    await start();
    await app.request("/v2/namespaces/products/documents/secret-id", { headers: { "x-request-id": "r-1" } });
    await app.request("/unknown/path?token=secret");
    await expect.poll(() => app.logLines.length).toBe(2);
    expect(app.logLines[0]).toEqual({
      level: "info",
      time: expect.any(String),
      request_id: "r-1",
      method: "GET",
      operation: "fetchDocument",
      namespace: "products",
      principal: "store-key",
      status: 200,
      duration_ms: expect.any(Number),
      bytes_in: 0,
      bytes_out: 11,
      msg: "request",
    });
    expect(app.logLines[1]).toMatchObject({ path: "/unknown/path", status: 404, code: "not_found" });
    expect(JSON.stringify(app.logLines)).not.toMatch(/secret|test-key/);
  });

  it("replaces a caller's request id that could break a log or a header", async () => {
    await start();
    const answer = await app.request("/health", { headers: { "x-request-id": "a b\tc" } });
    expect(answer.headers.get("x-request-id")).toBe("id-1");
  });
});
