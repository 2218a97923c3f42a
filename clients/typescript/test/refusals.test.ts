/** What is refused before anything is sent, and that the message names it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, Hevlayer } from "../src/index.js";
import { type FaultServer, startFaultServer } from "./fault-server.js";

let server: FaultServer;
let client: Hevlayer;

beforeEach(async () => {
  server = await startFaultServer({ body: { status: "OK", namespaces: [], rows: [] } });
  client = new Hevlayer({ baseUrl: server.url });
});
afterEach(() => server.close());

/** As a caller without types would write it. */
const untyped = (value: unknown) => value as never;

async function refusal(call: () => unknown): Promise<string> {
  const error: unknown = await Promise.resolve()
    .then(call)
    .then(
      () => expect.unreachable("the call succeeded"),
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(ConfigError);
  expect(server.requests).toHaveLength(0);
  return String(error);
}

describe("a body", () => {
  it.each([undefined, null])("that must be there is not %s", async (body) => {
    expect(await refusal(() => client.writeNamespace("p", untyped(body)))).toContain(
      `writeNamespace: the body is ${body}`,
    );
  });

  it.each([
    ["a promise", Promise.resolve([1]), "a Promise must be awaited first"],
    ["a map", new Map([["a", 1]]), "Map objects have no JSON form"],
    ["a set", new Set([1]), "Set objects have no JSON form"],
    ["a buffer", new ArrayBuffer(4), "ArrayBuffer objects have no JSON form"],
    ["an error", new Error("x"), "Error objects have no JSON form"],
    ["a date that is none", new Date("soon"), "a date must be valid"],
  ])("holds no %s", async (_name, value, rule) => {
    const message = await refusal(() =>
      client.writeNamespace("p", { upsert_rows: [{ id: "sku-17", vector: untyped(value) }] }),
    );
    expect(message).toContain(`writeNamespace: upsert_rows[0].vector (id "sku-17"): ${rule}`);
  });

  it("may hold objects of any class that has fields", async () => {
    class Point {
      readonly x = 1;
      get [Symbol.toStringTag](): string {
        return "Point";
      }
    }
    await client.writeNamespace("p", {
      upsert_rows: [{ id: 1, at: new Point(), none: Object.create(null) }],
    });
    expect(server.requests[0]?.body).toBe('{"upsert_rows":[{"id":1,"at":{"x":1},"none":{}}]}');
  });
});

describe("an option of a call", () => {
  it.each([null, 5, "x", []])("is no property of %j", async (options) => {
    expect(await refusal(() => client.getHealth(untyped(options)))).toContain(
      "getHealth: options must be an object",
    );
  });

  it.each([null, Number.NaN, {}, [undefined], [null]])("has no spelling in a query for %j", async (value) => {
    expect(await refusal(() => client.listNamespaces({ prefix: untyped(value) }))).toContain(
      "listNamespaces: prefix",
    );
    expect(await refusal(() => client.getHealth({ extraQuery: { x: untyped(value) } }))).toContain(
      "getHealth: x",
    );
  });

  it("takes a signal and no controller in its place", async () => {
    for (const signal of [new AbortController(), null]) {
      expect(await refusal(() => client.getHealth({ signal: untyped(signal) }))).toContain("AbortSignal");
    }
  });

  it("bounds retries", async () => {
    for (const maxRetries of [101, -1, 1.5]) {
      expect(await refusal(() => client.getHealth({ maxRetries }))).toContain("from 0 to 100");
    }
  });
});

describe("a header", () => {
  it.each(["bad name", "", "ü", "a:b"])("cannot be named %j", async (name) => {
    expect(await refusal(() => client.getHealth({ headers: { [name]: "x" } }))).toContain(
      "is not a legal header name",
    );
  });

  it.each(["line\nbreak", "ü", 5, undefined])(
    "cannot be %j, and the message does not repeat it",
    async (value) => {
      const message = await refusal(() => client.getHealth({ headers: { "x-secret": untyped(value) } }));
      expect(message).toBe("ConfigError: getHealth: header x-secret must be a string of printable ASCII");
    },
  );

  it.each(["Authorization", "host", "Accept-Encoding", "content-length", "Transfer-Encoding", "connection"])(
    "that the client sets is not the caller's: %s",
    async (name) => {
      const headers = { [name]: "secret-value" };
      expect(await refusal(() => client.getHealth({ headers }))).toMatch(/cannot be given: ./);
      expect(await refusal(() => new Hevlayer({ headers }))).not.toContain("secret-value");
    },
  );

  it("of the client wins over its own when it is the caller's to choose", async () => {
    const named = client.withOptions({ headers: { "User-Agent": "mine/1" } });
    await named.getHealth({ headers: { ACCEPT: "text/plain" } });
    expect(server.requests[0]?.headers).toMatchObject({ "user-agent": "mine/1", accept: "text/plain" });
  });
});

describe("a raw request", () => {
  it.each(["", "v2/x", "/v2/../x", "/v2/%2E%2e/x", "/./x", "/x?y=1", "/x#part", "/{x}", "/a b", "/a\\b"])(
    "does not take the path %j",
    async (path) => {
      expect(await refusal(() => client.request("GET", path))).toContain("request: path must");
    },
  );
});
