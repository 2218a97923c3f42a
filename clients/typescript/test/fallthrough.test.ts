import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  APIConnectionError,
  Hevlayer,
  type HevlayerOptions,
  NotFoundError,
  ServerError,
} from "../src/index.js";
import { type Answer, closedUrl, type FaultServer, startFaultServer } from "./fault-server.js";

let upstream: FaultServer;
let down: string;
const warnings: string[] = [];
const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) };

beforeEach(async () => {
  upstream = await startFaultServer({ body: { rows: [], status: "OK" } });
  down = await closedUrl();
  warnings.length = 0;
});
afterEach(() => upstream.close());

const clientFor = (options: HevlayerOptions = {}): Hevlayer =>
  new Hevlayer({
    baseUrl: down,
    apiKey: "gateway-key",
    turbopufferApiKey: "store-key",
    turbopufferBaseUrl: upstream.url,
    logger,
    ...options,
  });

describe("falling through to Turbopuffer", () => {
  it("rewrites a plain vector query, at once, with the store's key alone, and says so", async () => {
    const client = clientFor();
    const body = { vector: [1, 2], filters: ["a", "Eq", 1] as const };
    const { data, perf } = await client.queryNamespace("p", body, { withPerf: true });
    expect(data.stable_as_of).toBeNull();
    expect(perf.fallback).toBe("turbopuffer_direct");
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.requests[0]).toMatchObject({
      target: "/v2/namespaces/p/query",
      headers: { authorization: "Bearer store-key" },
    });
    expect(JSON.parse(upstream.requests[0]?.body ?? "")).toEqual({
      rank_by: ["vector", "ANN", [1, 2]],
      top_k: 10,
      consistency: { level: "eventual" },
      filters: ["a", "Eq", 1],
    });
    expect(JSON.stringify(upstream.requests[0]?.headers)).not.toContain("gateway-key");
    expect(warnings.filter((message) => message.includes("turbopuffer_direct"))).toHaveLength(1);
  });

  it("asks for ten rows when the caller does not say how many, and never changes what the caller says", async () => {
    for (const top_k of [null, 0, 3]) await clientFor().queryNamespace("p", { vector: [1], top_k } as never);
    expect(upstream.requests.map(({ body }) => (JSON.parse(body) as { top_k: unknown }).top_k)).toEqual([
      10, 0, 3,
    ]);
  });

  it("takes none of the caller's headers along", async () => {
    const client = clientFor({ headers: { "x-team-token": "t" } });
    await client.queryNamespace("p", { vector: [1] }, { headers: { "x-hevlayer-tags": "a", "x-own": "b" } });
    const headers = upstream.requests[0]?.headers ?? {};
    for (const name of ["x-team-token", "x-hevlayer-tags", "x-own"]) expect(headers).not.toHaveProperty(name);
    expect(headers).toMatchObject({ accept: "application/json", "content-type": "application/json" });
  });

  it("keeps a native vector query as it is and moves the raw query to upstream's route", async () => {
    const body = { rank_by: ["vector", "kNN", [1]] as const, limit: 3 };
    await clientFor().queryNamespace("p", body);
    await clientFor().queryTurbopufferNamespace("p", { rank_by: ["title", "BM25", "x"], limit: 1 });
    expect(upstream.requests.map((request) => [request.target, request.body])).toEqual([
      ["/v2/namespaces/p/query", JSON.stringify(body)],
      ["/v2/namespaces/p/query", '{"rank_by":["title","BM25","x"],"limit":1}'],
    ]);
  });

  it("sends a write on when the gateway refused the connection", async () => {
    await clientFor().writeNamespace("p", { deletes: [1] });
    expect(upstream.requests).toHaveLength(1);
  });

  it.each([
    ["a text query", { rank_by: ["title", "BM25", "x"] }],
    ["a query by id", { nearest_to_id: ["a"] }],
    ["a cursor", { vector: [1], cursor: "c" }],
    ["a point in time", { vector: [1], as_of: 5 }],
    ["a batch", { vector: [1], queries: [] }],
  ] as const)("never does for %s", async (_name, body) => {
    const client = clientFor({ maxRetries: 0 });
    await expect(client.queryNamespace("p", body as never)).rejects.toBeInstanceOf(APIConnectionError);
    expect(upstream.requests).toHaveLength(0);
  });

  it("never does for the gateway's own operations, without a key, or when switched off", async () => {
    await expect(clientFor({ maxRetries: 0 }).fetchDocument("p", "x")).rejects.toBeInstanceOf(
      APIConnectionError,
    );
    for (const options of [{ turbopufferApiKey: "" }, { fallbackToTurbopuffer: false }]) {
      const client = clientFor({ maxRetries: 0, ...options });
      await expect(client.queryNamespace("p", { vector: [1] })).rejects.toBeInstanceOf(APIConnectionError);
    }
    expect(upstream.requests).toHaveLength(0);
  });

  it.each([{ status: 503 }, { status: 404 }] satisfies Answer[])(
    "never does on the answer %o",
    async (answer) => {
      const gateway = await startFaultServer(answer);
      const client = clientFor({ baseUrl: gateway.url, maxRetries: 0 });
      await expect(client.queryNamespace("p", { vector: [1] })).rejects.toBeInstanceOf(
        answer.status === 404 ? NotFoundError : ServerError,
      );
      expect(upstream.requests).toHaveLength(0);
      await gateway.close();
    },
  );

  it("does for a read that was reset before an answer, not for a write", async () => {
    const gateway = await startFaultServer({ fault: "reset" });
    const client = clientFor({ baseUrl: gateway.url, maxRetries: 0 });
    await expect(client.writeNamespace("p", { deletes: [1] })).rejects.toBeInstanceOf(APIConnectionError);
    await client.queryNamespace("p", { vector: [1] });
    expect(upstream.requests.map((request) => request.target)).toEqual(["/v2/namespaces/p/query"]);
    await gateway.close();
  });

  it("does not ask a gateway again that refused a moment ago, and a derived client does not either", async () => {
    let asked = 0;
    const fetch = async (request: Request): Promise<Response> => {
      if (request.url.startsWith(down)) asked++;
      return globalThis.fetch(request);
    };
    const client = clientFor({ fetch });
    for (let call = 0; call < 3; call++) await client.writeNamespace("p", { deletes: [1] });
    await client.withOptions({ timeout: 1000 }).writeNamespace("p", { deletes: [1] });
    expect(asked).toBe(1);
    expect(upstream.requests).toHaveLength(4);
    expect(warnings).toHaveLength(4);
  });

  it("asks a gateway again whose connection broke", async () => {
    const gateway = await startFaultServer({ fault: "reset" }, { body: { rows: [{ id: "gateway" }] } });
    const client = clientFor({ baseUrl: gateway.url });
    await client.queryNamespace("p", { vector: [1] });
    expect(await client.queryNamespace("p", { vector: [1] })).toMatchObject({ rows: [{ id: "gateway" }] });
    expect(upstream.requests).toHaveLength(1);
    await gateway.close();
  });
});
