import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { APIConnectionError, Hevlayer } from "../src/index.js";
import { closedUrl, type FaultServer, startFaultServer } from "./fault-server.js";

let server: FaultServer;

beforeEach(async () => {
  server = await startFaultServer({ body: { status: "OK", results: [] } });
});
afterEach(() => server.close());

const targets = (): (string | undefined)[] => server.requests.map((request) => request.target);

describe("operations that share a route", () => {
  it("send the marker that tells them apart, and the caller's own query beside it", async () => {
    const client = new Hevlayer({ baseUrl: server.url, apiKey: "k" });
    await client.copyNamespace("p", { copy_from_namespace: { source_namespace: "a" } });
    await client.branchNamespace("p", { branch_from_namespace: "a" }, { extraQuery: { x: 0 } });
    await client.batchQueryNamespace("p", { queries: [{ rank_by: ["id", "asc"], limit: 1 }] });
    await client.writeNamespace("p", { copy_from_namespace: "a" });
    expect(targets()).toEqual([
      "/v2/namespaces/p?stainless_overload=copyFrom",
      "/v2/namespaces/p?stainless_overload=branchFrom&x=0",
      "/v2/namespaces/p/query?stainless_overload=multiQuery",
      "/v2/namespaces/p",
    ]);
  });

  it("take no option that would replace the marker", async () => {
    const client = new Hevlayer({ baseUrl: server.url });
    const options = { stainless_overload: "copyFrom" } as object;
    await expect(client.branchNamespace("p", { branch_from_namespace: "a" }, options)).rejects.toThrow(
      "unknown option stainless_overload",
    );
  });
});

describe("several queries while the gateway cannot be reached", () => {
  const clientFor = async (): Promise<Hevlayer> =>
    new Hevlayer({
      baseUrl: await closedUrl(),
      turbopufferApiKey: "store-key",
      turbopufferBaseUrl: server.url,
      maxRetries: 0,
      logLevel: "off",
    });
  const native = { rank_by: ["vector", "ANN", [1]] as const, limit: 1 };

  it("go to Turbopuffer byte for byte when they are all its own", async () => {
    const body = { queries: [native, { aggregate_by: { n: ["Count"] } }], rerank_by: ["RRF"] };
    const { perf } = await (await clientFor()).batchQueryNamespace("p", body, { withPerf: true });
    expect(perf.fallback).toBe("turbopuffer_direct");
    expect(targets()).toEqual(["/v2/namespaces/p/query?stainless_overload=multiQuery"]);
    expect(server.requests[0]?.body).toBe(JSON.stringify(body));
  });

  it.each([
    ["a vector", { queries: [native, { vector: [1] }] }],
    ["ids", { queries: [{ nearest_to_id: ["a"] }] }],
    ["a point in time in a query", { queries: [{ ...native, as_of: 1 }] }],
    ["a point in time for all", { queries: [native], as_of: 1 }],
    ["a window", { queries: [native], between: [1, 2] }],
    ["a cursor", { queries: [native], cursor: "c" }],
    ["a ranking of Layer's", { queries: [{ rank_by: ["title", "Auto", "x"] }] }],
    ["no queries", { queries: undefined }],
    ["a query that is none", { queries: [7] }],
  ])("stay with the gateway when there is %s", async (_name, body) => {
    const client = await clientFor();
    await expect(client.batchQueryNamespace("p", body as never)).rejects.toBeInstanceOf(APIConnectionError);
    expect(server.requests).toHaveLength(0);
  });
});
