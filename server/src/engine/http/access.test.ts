import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngineServer, type EngineServer } from "./server.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const LOCAL_KEY = "tpuf_local";

/** Asks a server under any name. */
async function ask(url: string, host: string, key: string | null, path = "/v1/namespaces") {
  return new Promise<{ status: number; body: { error?: string } }>((resolve, reject) => {
    const authorization = key === null ? {} : { authorization: `Bearer ${key}` };
    const call = request(`${url}${path}`, { headers: { host, ...authorization } }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    call.on("error", reject);
    call.end();
  });
}

describe("the well-known key", () => {
  let server: EngineServer;
  let url: string;
  beforeAll(async () => {
    server = createEngineServer({ engine: t.engine, apiKey: LOCAL_KEY });
    url = `http://127.0.0.1:${await server.listen(0, "127.0.0.1")}`;
  });
  afterAll(() => server.close(100));

  it.each([
    "localhost",
    "localhost:8081",
    "LOCALHOST:1",
    "127.0.0.1:8081",
    "127.255.3.4",
    "[::1]:8081",
    "[::1]",
  ])("opens the engine addressed as %s", async (host) => {
    expect((await ask(url, host, LOCAL_KEY)).status).toBe(200);
  });

  it.each([
    "evil.example",
    "evil.example:8081",
    "localhost.evil.example",
    "127.0.0.1.evil.example:8081",
    "127.0.0.999",
    "10.0.0.1:8081",
    "0.0.0.0:8081",
    "[::2]:8081",
    "::1",
    "localhost:8081:8081",
    "user@localhost",
  ])("is refused to a page that calls the engine %s", async (host) => {
    const { status, body } = await ask(url, host, LOCAL_KEY);
    expect([status, body.error]).toEqual([403, expect.stringContaining(`refused for Host '${host}'`)]);
  });

  it("is what the name is judged for: a wrong key is a 401 first, and a key of one's own opens under any name", async () => {
    expect((await ask(url, "evil.example", "wrong")).status).toBe(401);
    const { status } = await ask(t.url, "engine.example:8081", "tpuf_test");
    expect(status).toBe(200);
  });
});

describe("health", () => {
  it("answers without a key, says how things stand, and lists the languages without a stemmer", async () => {
    await t.write("healthy", { upsert_rows: [{ id: 1 }] });
    const { status, body } = await ask(t.url, "anything", null, "/health");
    expect([status, body]).toEqual([
      200,
      { status: "ok", format: 2, namespaces: 1, languages_without_stemmer: ["greek"] },
    ]);
  });
});
