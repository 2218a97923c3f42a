import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import {
  APIConnectionError,
  APIError,
  Hevlayer,
  type HevlayerOptions,
  NotFoundError,
  PermissionDeniedError,
  ResponseError,
  ServerError,
  UnsupportedError,
} from "../src/index.js";
import { type Answer, type FaultServer, startFaultServer } from "./fault-server.js";

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

describe("errors", () => {
  it("carries the gateway's code, message, and what is known of the call", async () => {
    const body = { error: "not_found", message: "no document 'x'", hint: 1 };
    const client = await clientFor({}, { status: 404, body, headers: { "x-request-id": "r7" } });
    const error = await failure(client.fetchDocument("p", "x"));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({
      name: "NotFoundError",
      message: "fetchDocument: 404 no document 'x'",
      statusCode: 404,
      kind: "not_found",
      body,
      requestId: "r7",
      attempts: 1,
      operationId: "fetchDocument",
      method: "GET",
      route: "/v2/namespaces/{namespace}/documents/{doc_id}",
    });
  });

  it("says why a key was refused", async () => {
    const body = { error: "forbidden", reason: "insufficient_scope", required_scope: "write", message: "no" };
    const client = await clientFor({}, { status: 403, body });
    const error = await failure(client.writeNamespace("p", { deletes: [1] }));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({ reason: "insufficient_scope", requiredScope: "write", feature: undefined });
  });

  it("keeps Turbopuffer's relayed error readable, without a code", async () => {
    const client = await clientFor({}, { status: 400, body: { status: "error", error: "bad rank_by" } });
    const error = await failure(client.queryNamespace("p", {}));
    expect(error).toMatchObject({
      statusCode: 400,
      kind: undefined,
      message: "queryNamespace: 400 bad rank_by",
    });
  });

  it("keeps text bodies to 64 KiB and shows 200 characters", async () => {
    const client = await clientFor(
      { maxRetries: 0 },
      { status: 502, body: `<html>${"x".repeat(200_000)}`, headers: { "content-type": "text/html" } },
    );
    const error = (await failure(client.getHealth())) as ServerError;
    expect(error).toBeInstanceOf(ServerError);
    expect(String(error.body)).toHaveLength(64 * 1024);
    expect(error.message.length).toBeLessThan(230);
  });

  it("reads a JSON error whole to 1 MiB, and no more of any", async () => {
    const long = { error: "bad", message: "m", detail: "x".repeat(300_000) };
    const client = await clientFor(
      {},
      { status: 400, body: long },
      { status: 400, body: { ...long, more: "y".repeat(2 ** 21) } },
    );
    expect(await failure(client.getHealth())).toMatchObject({ kind: "bad", body: long });
    const cut = (await failure(client.getHealth())) as APIError;
    expect(cut.kind).toBeUndefined();
    expect([String(cut.body).length, cut.response.text.length]).toEqual([64 * 1024, 64 * 1024]);
  });

  it("knows what the store lacks whatever the status", async () => {
    const body = { error: "UnsupportedByStore", message: "no", feature: "fts" };
    const client = await clientFor({}, { status: 422, body });
    const error = await failure(client.getHealth());
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ feature: "fts", kind: "UnsupportedByStore" });
  });

  it("gives unlisted statuses the common class", async () => {
    const client = await clientFor({}, { status: 418 });
    const error = (await failure(client.getHealth())) as Error;
    expect(error.constructor).toBe(APIError);
  });

  it("never shows a key: not in errors, clients, or what an injected fetch throws", async () => {
    const fetch = async (request: Request): Promise<Response> => {
      throw Object.assign(new TypeError(`failed: ${request.headers.get("authorization")}`), { request });
    };
    const client = await clientFor({ fetch, maxRetries: 0 });
    const error = await failure(client.getHealth());
    expect(error).toBeInstanceOf(APIConnectionError);
    const echo = await clientFor(
      { maxRetries: 0 },
      {
        status: 500,
        body: { error: "x", message: `you sent ${KEY}` },
        headers: { "x-echo": `Bearer ${KEY}` },
      },
      { body: `["${KEY}"]`, headers: { "x-echo": KEY } },
      { body: `${KEY} is what you sent` },
    );
    const echoed = [
      await failure(echo.getHealth()),
      await failure(echo.getHealth()),
      await failure(echo.getHealth()),
    ];
    expect(echoed.slice(1).every((one) => one instanceof ResponseError)).toBe(true);
    for (const value of [error, ...echoed, client, echo]) {
      const shown = inspect(value, { depth: 12, showHidden: true }) + JSON.stringify(value) + String(value);
      expect(shown).not.toContain(KEY);
    }
  });
});
