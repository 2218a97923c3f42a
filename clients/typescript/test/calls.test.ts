import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import {
  APIConnectionError,
  APITimeoutError,
  CancelledError,
  ConfigError,
  Hevlayer,
  type HevlayerOptions,
  ResponseError,
  ServerError,
} from "../src/index.js";
import { type Answer, closedUrl, type FaultServer, startFaultServer } from "./fault-server.js";

const KEY = "key-that-must-not-leak";
let server: FaultServer;

async function clientFor(options: HevlayerOptions, ...script: Answer[]): Promise<Hevlayer> {
  server = await startFaultServer(...script);
  return new Hevlayer({ baseUrl: server.url, apiKey: KEY, fallbackToTurbopuffer: false, ...options });
}

afterEach(async () => {
  await server?.close();
});

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error,
  );
}

describe("requests", () => {
  it.each([
    ["a/b", "a%2Fb"],
    ["ü", "%C3%BC"],
    ["100%", "100%25"],
    ["a b?c#d", "a%20b%3Fc%23d"],
    ["%2e%2e", "%252e%252e"],
  ])("sends the id %s as one path segment", async (id, encoded) => {
    const client = await clientFor({}, { body: { id, attributes: {} } });
    await client.fetchDocument("products", id);
    expect(server.requests[0]?.target).toBe(`/v2/namespaces/products/documents/${encoded}`);
  });

  it.each(["", ".", "..", "\ud800"])("refuses the path argument %j before any I/O", async (id) => {
    const client = await clientFor({});
    expect(await failure(client.fetchDocument("products", id))).toBeInstanceOf(ConfigError);
    expect(server.requests).toHaveLength(0);
  });

  it("joins lists with commas, sends empty values, and leaves out undefined", async () => {
    const client = await clientFor({}, { body: { id: "x", attributes: {}, namespaces: [] } });
    await client.fetchDocument("p", "x", { includeAttributes: ["a,b", "c"] });
    await client.listNamespaces({ prefix: "", cursor: undefined, pageSize: 0, extraQuery: { flag: false } });
    expect(server.requests.map((request) => request.target)).toEqual([
      "/v2/namespaces/p/documents/x?include_attributes=a%2Cb,c",
      "/v2/namespaces?prefix=&page_size=0&flag=false",
    ]);
  });

  it("sends null, false, 0 and unknown fields in bodies, integers exact", async () => {
    const client = await clientFor({}, { body: { status: "OK" } });
    await client.writeNamespace("p", {
      patch_rows: [{ id: 18446744073709551615n, title: null, n: 0, on: false, gone: undefined }],
      future_field: { a: 1 },
    });
    expect(server.requests[0]?.body).toBe(
      '{"patch_rows":[{"id":18446744073709551615,"title":null,"n":0,"on":false}],"future_field":{"a":1}}',
    );
  });

  it("refuses NaN with the id of its row", async () => {
    const client = await clientFor({});
    const error = await failure(
      client.writeNamespace("p", { upsert_rows: [{ id: "sku-17", vector: [Number.NaN] }] }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(
      'writeNamespace: upsert_rows[0].vector[0] (id "sku-17"): numbers must be finite',
    );
    expect(server.requests).toHaveLength(0);
  });

  it("sends one key, one user agent, and the caller's headers", async () => {
    const client = await clientFor({ headers: { "x-team": "search" } }, { body: {} });
    await client.getHealth({ headers: { "X-Trace": "1", "x-team": null } });
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      "x-trace": "1",
      "user-agent": expect.stringMatching(/^hevlayer-typescript\/\d+\.\d+\.\d+ \(node\/.+\)$/),
    });
    expect(server.requests[0]?.headers).not.toHaveProperty("x-team");
  });

  it("refuses an option that the operation does not know", async () => {
    const client = await clientFor({}, { body: {} });
    const options: object = { pageSize: 3 };
    expect(String(await failure(client.getHealth(options)))).toContain("getHealth: unknown option pageSize");
  });

  it("reaches undescribed routes", async () => {
    const client = await clientFor({}, { body: { ok: 1 } });
    expect(await client.request("PUT", "/v3/x%2Fy", { body: { a: 1 }, extraQuery: { q: "1 2" } })).toEqual({
      ok: 1,
    });
    expect(server.requests[0]).toMatchObject({ method: "PUT", target: "/v3/x%2Fy?q=1%202", body: '{"a":1}' });
  });
});

describe("answers", () => {
  it("keeps unknown fields, exact integers, and lifts header fields", async () => {
    const client = await clientFor(
      {},
      {
        body: '{"rows":[{"id":9007199254740993,"$dist":0.5,"new":{}}],"extra":[]}',
        headers: { "x-layer-stable-as-of": "17", "x-layer-next-cursor": "eyJ2IjoxfQ" },
      },
      { body: { rows: [] } },
    );
    expect(await client.queryNamespace("p", { vector: [1] })).toEqual({
      rows: [{ id: 9007199254740993n, $dist: 0.5, new: {} }],
      extra: [],
      stable_as_of: 17,
      next_cursor: "eyJ2IjoxfQ",
    });
    expect(await client.queryNamespace("p", { vector: [1] })).toMatchObject({
      stable_as_of: null,
      next_cursor: null,
    });
  });

  it("returns data and perf on request", async () => {
    const client = await clientFor(
      {},
      { status: 503 },
      {
        body: { id: "x", attributes: {} },
        headers: { "x-layer-cache": "hit", "x-request-id": "r1", "x-layer-warning": "a, b" },
      },
    );
    const { data, perf } = await client.fetchDocument("p", "x", { withPerf: true });
    expect(data.id).toBe("x");
    expect(perf).toMatchObject({
      cacheStatus: "hit",
      fallback: null,
      status: 200,
      requestId: "r1",
      attempts: 2,
      warnings: ["a", "b"],
    });
    expect(perf.latencyMs).toBeGreaterThanOrEqual(perf.lastAttempt.totalMs);
    expect(perf.bytesReceived).toBe(JSON.stringify(data).length);
  });

  it.each([
    ["an empty body", ""],
    ["broken JSON", '{"id":'],
    ["the wrong top-level type", "[]"],
  ])("reports %s as a ResponseError", async (_name, body) => {
    const client = await clientFor({}, { body });
    expect(await failure(client.getHealth())).toBeInstanceOf(ResponseError);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d])],
    ["UTF-16", Buffer.from('{"status":"ok"}', "utf16le")],
    ["a byte order mark", '\ufeff{"status":"ok"}'],
  ])("reports %s as a ResponseError instead of changing data", async (_name, body) => {
    const client = await clientFor({}, { body });
    expect(await failure(client.getHealth())).toBeInstanceOf(ResponseError);
  });

  it("refuses an answer above the size limit", async () => {
    const client = await clientFor({ maxResponseBytes: 100 }, { body: { text: "x".repeat(1000) } });
    const error = await failure(client.getHealth());
    expect(error).toBeInstanceOf(ResponseError);
    expect(String(error)).toContain("getHealth: the answer is larger than 100 bytes");
    expect(error).toMatchObject({ statusCode: 200, attempts: 1, operationId: "getHealth", route: "/health" });
    expect(server.requests).toHaveLength(1);
  });
});

describe("retries", () => {
  it("repeats a read with the same body bytes, then gives the answer", async () => {
    const client = await clientFor(
      {},
      { status: 503, headers: { "retry-after": "0" } },
      { fault: "reset" },
      { body: { rows: [] } },
    );
    await client.queryNamespace("p", { vector: [1] });
    expect(server.requests).toHaveLength(3);
    expect(new Set(server.requests.map((request) => request.body))).toEqual(new Set(['{"vector":[1]}']));
  });

  it("repeats a read whose body was cut", async () => {
    const client = await clientFor({}, { body: { rows: [1, 2, 3] }, fault: "cut" }, { body: { rows: [] } });
    expect(await client.queryNamespace("p", { vector: [1] })).toMatchObject({ rows: [] });
  });

  it("sends a write once when its outcome is unknown", async () => {
    for (const answer of [{ status: 503 }, { status: 504 }, { fault: "reset" }] satisfies Answer[]) {
      const client = await clientFor({}, answer);
      await failure(client.writeNamespace("p", { deletes: [1] }));
      expect(server.requests).toHaveLength(1);
      await server.close();
    }
  });

  it("stops after maxRetries and says how many attempts there were", async () => {
    const client = await clientFor({}, { status: 503, headers: { "retry-after": "0" } });
    expect(await failure(client.getHealth({ maxRetries: 2 }))).toMatchObject({ attempts: 3 });
    expect(await failure(client.getHealth({ maxRetries: 0 }))).toMatchObject({ attempts: 1 });
  });

  it("raises at once when the server asks for more than a minute", async () => {
    const client = await clientFor({}, { status: 429, headers: { "retry-after": "3600" } });
    expect(await failure(client.getHealth())).toMatchObject({ attempts: 1, retryAfter: 3_600_000 });
  });
});

describe("time and cancelling", () => {
  it.each(["silent", "stall"] as const)(
    "ends an attempt whose answer is %s, body included",
    async (fault) => {
      const client = await clientFor({ timeout: 60, maxRetries: 1 }, { body: { a: "x".repeat(100) }, fault });
      const error = await failure(client.getHealth());
      expect(error).toBeInstanceOf(APITimeoutError);
      expect(error).toMatchObject({ attempts: 2, kind: "timeout" });
    },
  );

  it("holds the limit with a fetch that ignores its signal", async () => {
    const client = await clientFor({ timeout: 40, maxRetries: 0, fetch: () => new Promise(() => {}) });
    expect(await failure(client.getHealth())).toBeInstanceOf(APITimeoutError);
    const stalled = async () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
    const reading = await clientFor({ timeout: 40, maxRetries: 0, fetch: stalled });
    expect(await failure(reading.getHealth())).toBeInstanceOf(APITimeoutError);
  });

  it("ends the whole call, attempts and pauses, at its total limit", async () => {
    const client = await clientFor(
      // Long enough for the first attempt on a busy machine.
      { totalTimeout: 1500 },
      { status: 503, headers: { "retry-after": "0" } },
      { fault: "silent" },
    );
    const started = performance.now();
    const error = await failure(client.getHealth());
    expect(error).toBeInstanceOf(APITimeoutError);
    expect(error).toMatchObject({ attempts: 2 });
    expect(String(error)).toContain("total limit");
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it("does not begin a pause that its total limit would cut short, and says what came last", async () => {
    const client = await clientFor(
      { totalTimeout: 10_000 },
      { status: 503, headers: { "retry-after": "30" } },
    );
    const started = performance.now();
    const error = (await failure(client.getHealth())) as APITimeoutError;
    expect(error).toBeInstanceOf(APITimeoutError);
    expect(error.cause).toBeInstanceOf(ServerError);
    expect(error.message).toContain("getHealth: not done within its total limit; last: getHealth: 503");
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it.each([
    ["waiting for an answer", { fault: "silent" }],
    ["reading the body", { body: { a: "x".repeat(100) }, fault: "stall" }],
    ["pausing between attempts", { status: 503, headers: { "retry-after": "30" } }],
  ] satisfies [string, Answer][])("is cancelled while %s, with the cause", async (_name, answer) => {
    const client = await clientFor({}, answer);
    const controller = new AbortController();
    const reason = new Error("user left");
    setTimeout(() => controller.abort(reason), 50);
    const error = await failure(client.getHealth({ signal: controller.signal }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ cause: reason, kind: "cancelled" });
  });

  it("frees the socket of a cancelled call", async () => {
    const client = await clientFor({}, { body: { a: "x".repeat(100) }, fault: "stall" });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const call = failure(client.getHealth({ signal: controller.signal }));
    await expect.poll(() => server.unfinished()).toBe(1);
    await call;
    await expect.poll(() => server.unfinished()).toBe(0);
  });

  it("does no I/O for a signal that is aborted already", async () => {
    const client = await clientFor({}, { body: {} });
    const error = await failure(client.getHealth({ signal: AbortSignal.abort() }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ attempts: 0 });
    expect(server.requests).toHaveLength(0);
  });

  it("puts one listener on a signal that many calls share, and takes it off again", async () => {
    const client = await clientFor({}, { body: { status: "ok" } });
    const { signal } = new AbortController();
    const counts: number[] = [];
    const asked = Array.from({ length: 20 }, () => client.getHealth({ signal }));
    counts.push(getEventListeners(signal, "abort").length);
    await Promise.all(asked);
    counts.push(getEventListeners(signal, "abort").length);
    await client.getHealth({ signal });
    expect(counts).toEqual([1, 0]);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("ends every call whose signal is shared", async () => {
    const client = await clientFor({}, { fault: "silent" });
    const cancel = new AbortController();
    const { signal } = cancel;
    const asked = Array.from({ length: 20 }, () => failure(client.getHealth({ signal })));
    await expect.poll(() => server.requests.length).toBe(20);
    cancel.abort(new Error("enough"));
    const errors = await Promise.all(asked);
    expect(errors.every((error) => error instanceof CancelledError)).toBe(true);
  });

  it("names a refused connection", async () => {
    const client = new Hevlayer({ baseUrl: await closedUrl(), maxRetries: 0 });
    const error = await failure(client.getHealth());
    expect(error).toBeInstanceOf(APIConnectionError);
    expect(String(error)).toContain("ECONNREFUSED");
  });

  it("takes a limit of fetch itself for a timeout, as of a connection that hangs", async () => {
    const slow = Object.assign(new Error("Connect Timeout Error"), { code: "UND_ERR_CONNECT_TIMEOUT" });
    const fetch = () => Promise.reject(new TypeError("fetch failed", { cause: slow }));
    const client = new Hevlayer({ fetch, maxRetries: 0 });
    const error = await failure(client.getHealth());
    expect(error).toBeInstanceOf(APITimeoutError);
    expect(String(error)).toContain("getHealth: no complete answer: Connect Timeout Error");
  });
});

describe("compressing", () => {
  it("gzips bodies from 1 KiB when asked to, and the fault server reads the same JSON", async () => {
    const client = await clientFor({ compressRequests: true }, { body: { status: "OK" } });
    const body = { upsert_rows: [{ id: "a", text: "x".repeat(2000) }] };
    const { perf } = await client.writeNamespace("p", body, { withPerf: true });
    await client.writeNamespace("p", { deletes: ["a"] });
    const [large, small] = server.requests;
    expect(large?.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(large?.body ?? "")).toEqual(body);
    expect(perf.bytesSent).toBeLessThan(500);
    expect(small?.headers).not.toHaveProperty("content-encoding");
  });
});

describe("hooks", () => {
  it("tell of requests, answers, retries and the final failure", async () => {
    const seen: string[] = [];
    const client = await clientFor(
      {
        maxRetries: 1,
        hooks: {
          onRequest: ({ operationId, attempt }) => seen.push(`request ${operationId} ${attempt}`),
          onResponse: ({ status, attributes }) => seen.push(`answer ${status} ${attributes["url.template"]}`),
          onRetry: ({ error, delayMs }) => seen.push(`retry ${error.name} ${delayMs}`),
          onError: ({ error, attributes }) =>
            seen.push(`error ${error.attempts} ${attributes["http.response.status_code"]}`),
        },
      },
      { status: 503, headers: { "retry-after": "0" } },
    );
    await failure(client.fetchDocument("secret-name", "x"));
    expect(seen).toEqual([
      "request fetchDocument 1",
      "answer 503 /v2/namespaces/{namespace}/documents/{doc_id}",
      "retry ServerError 0",
      "request fetchDocument 2",
      "answer 503 /v2/namespaces/{namespace}/documents/{doc_id}",
      "error 2 503",
    ]);
  });

  it("that throw are logged and change nothing", async () => {
    const errors: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (message: string) => void errors.push(message),
    };
    const onRequest = () => {
      throw new Error("broken hook");
    };
    const client = await clientFor({ hooks: { onRequest }, logger }, { body: { status: "ok" } });
    expect((await client.getHealth()).status).toBe("ok");
    expect(errors).toEqual(["a hook failed"]);
  });

  it("that reject are logged too and do not end the process", async () => {
    const errors: unknown[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (_message: string, fields?: object) => errors.push(fields),
    };
    const onResponse = async (): Promise<void> => {
      throw new Error("broken async hook");
    };
    const client = await clientFor({ hooks: { onResponse }, logger }, { body: { status: "ok" } });
    expect((await client.getHealth()).status).toBe("ok");
    await expect.poll(() => errors).toEqual([{ error: "broken async hook" }]);
  });
});
