import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createEngineServer, type EngineServerLimits } from "./server.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const one = { upsert_rows: [{ id: 1, a: 1 }] };

describe("transport and errors", () => {
  it("1 answers 401 with a JSON error when the key is missing or wrong", async () => {
    for (const authorization of ["", "Bearer nope", "Basic dGVzdA=="]) {
      const reply = await t.send("GET", "/v1/namespaces", undefined, { authorization });
      expect(reply.status).toBe(401);
      expect(reply.body).toEqual({ status: "error", error: expect.any(String) });
    }
  });

  it("2 answers 404 to a query on a missing namespace", async () => {
    const reply = await t.query("missing", { rank_by: ["id", "asc"], limit: 1 });
    expect(reply.status).toBe(404);
    expect(reply.headers.get("content-type")).toBe("application/json");
    expect(reply.body.error).toContain("namespace 'missing' was not found");
  });

  it("3 answers 404 to the schema of a missing namespace", async () => {
    expect((await t.send("GET", "/v1/namespaces/missing/schema")).status).toBe(404);
  });

  it("4 deletes an existing namespace once and answers 404 afterwards", async () => {
    const ns = t.fresh();
    expect((await t.send("DELETE", `/v2/namespaces/${ns}`)).status).toBe(404);
    await t.write(ns, one);
    const reply = await t.send("DELETE", `/v2/namespaces/${ns}`);
    expect([reply.status, reply.body]).toEqual([200, { status: "OK" }]);
    expect((await t.query(ns, { limit: 1 })).status).toBe(404);
  });

  it("5 answers a bad namespace with 400 in plain text", async () => {
    const bad = await t.send("GET", "/v1/namespaces/bad%20name/schema");
    expect(bad.status).toBe(400);
    expect(bad.headers.get("content-type")).toContain("text/plain");
    expect(bad.text).toBe("Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]");
    const long = await t.write("x".repeat(129), one);
    expect(long.status).toBe(400);
    expect(long.text).toContain("is too long, limit is currently 128 characters");
    expect((await t.send("GET", "/v1/namespaces/%ff/schema")).status).toBe(400);
  });

  it("6 accepts a gzip body of any size with the effect of a plain one", async () => {
    const ns = t.fresh();
    const body = gzipSync(JSON.stringify(one));
    const reply = await t.send("POST", `/v2/namespaces/${ns}`, body, { "content-encoding": "gzip" });
    expect(reply.body.rows_affected).toBe(1);
    for (const spelling of ["GZIP", "x-gzip"]) {
      const again = await t.send("POST", `/v2/namespaces/${ns}`, body, { "content-encoding": spelling });
      expect(again.status).toBe(200);
    }
    const broken = await t.send("POST", `/v2/namespaces/${ns}`, "not gzip", { "content-encoding": "gzip" });
    expect(broken.status).toBe(400);
  });

  it("7 zips an answer over 1 KiB for callers that accept gzip, and only for them", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: Array.from({ length: 100 }, (_, id) => ({ id, text: "some text" })) });
    const body = JSON.stringify({ rank_by: ["id", "asc"], limit: 100, include_attributes: true });
    const path = `/v2/namespaces/${ns}/query`;
    expect((await t.send("POST", path, body)).headers.get("content-encoding")).toBeNull();
    const zipped = await t.send("POST", path, body, { "accept-encoding": "gzip" });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect((zipped.body.rows as unknown[]).length).toBe(100);
    const small = await t.send("GET", "/v1/namespaces?prefix=none", undefined, { "accept-encoding": "gzip" });
    expect(small.headers.get("content-encoding")).toBeNull();
  });

  it("8 ignores unknown query parameters and one leading region segment", async () => {
    const ns = t.fresh();
    await t.write(ns, one);
    const body = JSON.stringify({ queries: [{ limit: 1 }] });
    for (const prefix of ["", "/gcp-us-central1"]) {
      const path = `${prefix}/v2/namespaces/${ns}/query?stainless_overload=multiQuery&x=1`;
      expect((await t.send("POST", path, body)).status).toBe(200);
    }
  });

  it("9 answers 400 to malformed JSON and 422 to the wrong shape", async () => {
    const malformed = await t.write(t.fresh(), '{"upsert_rows":');
    expect(malformed.status).toBe(400);
    expect(malformed.body.error).toContain("Failed to parse the request body as JSON: ");
    const shape = await t.write(t.fresh(), { upsert_rows: { id: 2 } });
    expect(shape.status).toBe(422);
    expect(shape.body.error).toContain(
      "Failed to deserialize the JSON body into the target type: upsert_rows: ",
    );
    expect(shape.body.error).toContain("invalid type: map, expected a sequence");
  });

  it("10 answers synchronously when the caller prefers otherwise", async () => {
    const path = `/v2/namespaces/${t.fresh()}`;
    const reply = await t.send("POST", path, JSON.stringify(one), { prefer: "respond-async" });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("preference-applied")).toBeNull();
  });

  it("answers 404 to an unknown path and 405 to a method a path does not have", async () => {
    expect((await t.send("GET", "/v3/namespaces")).status).toBe(404);
    const reply = await t.send("PUT", "/v1/namespaces");
    expect([reply.status, reply.headers.get("allow")]).toEqual([405, "GET"]);
  });

  it("stays usable on a connection whose request was refused before its body was read", async () => {
    const refused = await t.send("POST", "/v2/namespaces/a", "x".repeat(50_000), {
      authorization: "Bearer no",
    });
    expect(refused.status).toBe(401);
    expect((await t.send("GET", "/v1/namespaces")).status).toBe(200);
  });
});

describe("body limits", () => {
  const serve = async (limits: Partial<EngineServerLimits>) => {
    const server = createEngineServer({ engine: t.engine, apiKey: "k", limits });
    const port = await server.listen(0, "127.0.0.1");
    const post = async (body: string | Buffer, headers: Record<string, string> = {}, path = "limited") => {
      const init = {
        method: "POST",
        body: body as string,
        headers: { authorization: "Bearer k", ...headers },
      };
      const response = await fetch(`http://127.0.0.1:${port}/v2/namespaces/${path}`, init);
      return { status: response.status, headers: response.headers, text: await response.text() };
    };
    return { post, url: `http://127.0.0.1:${port}/v2/namespaces`, close: () => server.close(100) };
  };

  it("answers 413 to a body over the limit, before or after unzipping", async () => {
    const { post, close } = await serve({ writeBytes: 1_000, receivedBytes: 10_000 });
    expect((await post(" ".repeat(1_001))).status).toBe(413);
    expect((await post(gzipSync(" ".repeat(5_000)), { "content-encoding": "gzip" })).status).toBe(413);
    expect((await post(" ".repeat(999))).status).toBe(400);
    await close();
  });

  it("answers 429 with Retry-After while the budget for bodies in flight is used up", async () => {
    const { post, close } = await serve({ writeBytes: 1_000, receivedBytes: 500 });
    const reply = await post(" ".repeat(600));
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await post(" ".repeat(400))).status).toBe(400);
    await close();
  });

  it("lets only writes be as large as writes may be", async () => {
    const { post, close } = await serve({ writeBytes: 5_000, otherBytes: 1_000 });
    const filters = ["a", "In", Array.from({ length: 400 }, (_, i) => i)];
    expect(await post(JSON.stringify({ limit: 1, filters }), {}, "limited/query")).toMatchObject({
      status: 413,
      text: expect.stringContaining("limit is 1000 bytes"),
    });
    expect((await post(JSON.stringify({ upsert_rows: [{ id: 1, a: "x".repeat(4_000) }] }))).status).toBe(200);
    await close();
  });

  it("refuses a body for the memory it would take before it is parsed, as none that could fit later", async () => {
    const { post, close } = await serve({ parsedBytes: 1_000_000 });
    expect(await post(`{"upsert_rows":[${"{},".repeat(20_000)}{}]}`)).toMatchObject({
      status: 413,
      text: expect.stringMatching(/would take about \d+ bytes of memory, limit is 1000000/),
    });
    await close();
  });

  it("refuses ten million empty rows at once, and nesting that no request needs", async () => {
    const started = process.cpuUsage();
    const { status, text } = await t.write("limited", `{"upsert_rows":[${"{},".repeat(9_999_999)}{}]}`);
    expect([status, text]).toEqual([413, expect.stringContaining("4000000 objects and lists, got 10000002")]);
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(1.5);
    const deep = await t.query("limited", `${"[".repeat(513)}${"]".repeat(513)}`);
    expect([deep.status, deep.text]).toEqual([400, expect.stringContaining("nested too deeply: 513 levels")]);
  });

  it("refuses to work while answers that were asked for are not read", async () => {
    const upsert_rows = Array.from({ length: 5 }, (_, id) => ({ id, a: "x".repeat(6_000_000) }));
    await t.write("answers", { upsert_rows, schema: { a: { type: "string", filterable: false } } });
    const { post, url, close } = await serve({ answerBytes: 1_000_000 });
    const body = JSON.stringify({ limit: 5, include_attributes: true });
    const unread = request(`${url}/answers/query`, {
      method: "POST",
      headers: { authorization: "Bearer k" },
    });
    unread.end(body);
    await once(unread, "response");
    const refused = await post(body, {}, "answers/query");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    unread.destroy();
    unread.on("error", () => {});
    const isServed = async () => expect((await post(body, {}, "answers/query")).status).toBe(200);
    await vi.waitFor(isServed, { timeout: 20_000 });
    expect((await post(body, {}, "answers/query")).status).toBe(200);
    await close();
  });
});

describe("closing", () => {
  const slow = async (ms: number) => {
    const faults = [{ kind: "latency", ms } as const];
    const server = createEngineServer({ engine: t.engine, apiKey: "k", faults });
    const url = `http://127.0.0.1:${await server.listen(0, "127.0.0.1")}/v1/namespaces`;
    const get = () => fetch(url, { headers: { authorization: "Bearer k" } });
    const inFlight = get().then(
      (reply) => reply.status,
      () => "cut",
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { server, get, inFlight };
  };

  it("lets requests in flight finish and takes no new ones", async () => {
    const { server, get, inFlight } = await slow(200);
    const closed = server.close(5_000);
    await expect(get()).rejects.toThrow();
    expect(await inFlight).toBe(200);
    await closed;
  });

  it("cuts what is left once the grace is over", async () => {
    const { server, inFlight } = await slow(1_500);
    const started = performance.now();
    await server.close(100);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(await inFlight).toBe("cut");
  });
});

describe("queries of one namespace under way at once", () => {
  /** A connection that has been used already, so that the next request on it is read in one piece. */
  async function connection(port: number) {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString();
    });
    const say = (method: string, path: string, body: string) =>
      socket.write(
        `${method} ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer k\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    const statuses = () => Array.from(received.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status));
    say("GET", "/v1/namespaces", "");
    await expect.poll(statuses).toEqual([200]);
    return { say, statuses, received: () => received, end: () => socket.destroy() };
  }

  it("are 16; others wait, and those for whom there is no room are told 429 with Retry-After", async () => {
    await t.write("busy", { upsert_rows: [{ id: 1 }] });
    const server = createEngineServer({ engine: t.engine, apiKey: "k", queries: { waitersMax: 2 } });
    const port = await server.listen(0, "127.0.0.1");
    const connections = await Promise.all(Array.from({ length: 20 }, () => connection(port)));
    // All are there before the server looks again.
    for (const { say } of connections) say("POST", "/v2/namespaces/busy/query", '{"limit":1}');
    await expect.poll(() => connections.every(({ statuses }) => statuses().length === 2)).toBe(true);
    const last = connections.map(({ statuses }) => statuses()[1]);
    expect(last.filter((status) => status === 200)).toHaveLength(18);
    expect(last.filter((status) => status === 429)).toHaveLength(2);
    const refused = connections.find(({ statuses }) => statuses()[1] === 429);
    expect(refused?.received()).toMatch(
      /retry-after: 1\r\n[\s\S]*query concurrency limit of namespace 'busy'/i,
    );
    for (const { end } of connections) end();
    await server.close(100);
  });
});
